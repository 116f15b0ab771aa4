import asyncio
import os
import sys

from deploy.embedded.engines.engines import Engines
from tests.kit.databases import run_sql, with_database


async def test_ten_at_once_leave_one_schema(engines: Engines) -> None:
    await run_sql(engines.database_url, "CREATE DATABASE migrated_by_ten")
    url = with_database(engines.database_url, "migrated_by_ten")
    environment = {**os.environ, "RENDERFLEET_DATABASE_URL": url}
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", "migrations", env=environment)
        for _ in range(10)
    ]
    assert [await process.wait() for process in processes] == [0] * 10
    await run_sql(engines.database_url, "DROP DATABASE migrated_by_ten WITH (FORCE)")


async def test_a_missing_role_is_one_clear_sentence_and_no_table(engines: Engines) -> None:
    await run_sql(engines.database_url, "CREATE DATABASE without_roles")
    url = with_database(engines.database_url, "without_roles")
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": url,
        "RENDERFLEET_DATABASE_WORKER_ROLE": "nobody_made_it",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "migrations", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, words = await process.communicate()
    assert process.returncode == 1
    assert words.decode().splitlines()[-1].startswith("renderfleet: Postgres has no role nobody_made_it.")
    assert "Traceback" not in words.decode()
    await run_sql(url, "CREATE TABLE jobs (id int)")  # nothing was made by halves
    await run_sql(engines.database_url, "DROP DATABASE without_roles WITH (FORCE)")


async def test_a_missing_address_is_one_clear_sentence() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RENDERFLEET_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "migrations", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, words = await process.communicate()
    assert process.returncode == 1
    assert words.decode().strip() == "renderfleet: RENDERFLEET_DATABASE_URL is not set. See docs/settings.md."
