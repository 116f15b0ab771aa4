import asyncio
import os

from deploy.embedded.engines.engines import Engines
from tests.kit.data.databases import run_sql, with_database
from tests.kit.processes import command


async def test_ten_at_once_leave_one_schema(engines: Engines) -> None:
    await run_sql(engines.database_url, "CREATE DATABASE migrated_by_ten")
    url = with_database(engines.database_url, "migrated_by_ten")
    environment = {**os.environ, "RENDERFLEET_DATABASE_URL": url}
    ends = await asyncio.gather(*(command("migrations", environment=environment) for _ in range(10)))
    assert [said.code for said in ends] == [0] * 10
    await run_sql(engines.database_url, "DROP DATABASE migrated_by_ten WITH (FORCE)")


async def test_a_missing_role_is_one_clear_sentence_and_no_table(engines: Engines) -> None:
    await run_sql(engines.database_url, "CREATE DATABASE without_roles")
    url = with_database(engines.database_url, "without_roles")
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": url,
        "RENDERFLEET_DATABASE_WORKER_ROLE": "nobody_made_it",
    }
    said = await command("migrations", environment=environment)
    assert said.code == 1
    assert said.errors.splitlines()[-1].startswith("renderfleet: Postgres has no role nobody_made_it.")
    assert "Traceback" not in said.errors
    await run_sql(url, "CREATE TABLE jobs (id int)")  # nothing was made by halves
    await run_sql(engines.database_url, "DROP DATABASE without_roles WITH (FORCE)")


async def test_a_schema_of_a_newer_release_is_left_as_it_is(engines: Engines) -> None:
    await run_sql(engines.database_url, "CREATE DATABASE of_a_newer_release")
    url = with_database(engines.database_url, "of_a_newer_release")
    environment = {**os.environ, "RENDERFLEET_DATABASE_URL": url}
    assert (await command("migrations", environment=environment)).code == 0
    await run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
    said = await command("migrations", environment=environment)
    assert said.code == 0
    assert "the schema is of a newer release" in said.errors
    assert "9999" in said.errors
    await run_sql(url, "SELECT id FROM jobs")
    await run_sql(engines.database_url, "DROP DATABASE of_a_newer_release WITH (FORCE)")


async def test_a_missing_address_is_one_clear_sentence() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RENDERFLEET_")}
    said = await command("migrations", environment=environment)
    assert said.code == 1
    assert said.errors.strip() == "renderfleet: RENDERFLEET_DATABASE_URL is not set. See docs/settings.md."
