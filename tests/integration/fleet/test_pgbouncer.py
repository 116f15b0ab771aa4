"""The fleet works behind a PgBouncer that gives each transaction another connection."""

import asyncio
import os
import re
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.embedded.engines.engines import Engines
from tests.kit.api.everything import use_everything
from tests.kit.processes import api_process, command, product_environment, worker
from tests.kit.servers.pgbouncer import PGBOUNCER, pgbouncer

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="the package pgbouncer is not installed")

JOBS: Final = 30


async def use_it_at_once(client: httpx.AsyncClient) -> None:
    """So many calls at the same time that they get the connections of each other."""
    options = {"html": "<h1>pooled</h1>"}
    answers = await asyncio.gather(*(client.post("/v1/jobs", json=options) for _ in range(JOBS)))
    assert {answer.status_code for answer in answers} == {202}
    pages = await asyncio.gather(*(client.get("/v1/jobs", params={"limit": size}) for size in range(1, JOBS)))
    assert [len(page.json()["jobs"]) for page in pages] == list(range(1, JOBS))
    ends = await asyncio.gather(
        *(client.get(answer.json()["links"]["self"], params={"wait": 60}) for answer in answers)
    )
    assert {end.json()["status"] for end in ends} == {"succeeded"}


# What tests before this one have left in the queue would be taken for jobs, and logged as errors.
@pytest.mark.usefixtures("redis")
async def test_everything_works_in_transaction_mode(
    engines: Engines, database_url: str, tenant_key: str, tmp_path: Path
) -> None:
    async with pgbouncer(database_url, tmp_path) as url:
        environment = {
            **product_environment(engines, url, tmp_path / "data"),
            "RENDERFLEET_DATABASE_POOLING": "transaction",
        }
        assert (await command("migrations", environment=environment)).code == 0
        async with (
            worker(environment, tmp_path / "worker.log"),
            api_process(environment, tmp_path / "api.log", tenant_key) as (_, client),
        ):
            await use_everything(client)
            await use_it_at_once(client)
        said = await command("fleet.vault", "rotate", environment=environment)
        assert said.code == 0, said
    for name in ("worker", "api"):
        written = (tmp_path / f"{name}.log").read_text()
        assert not re.search("prepared statement|Traceback", written), written


async def test_who_forgets_to_say_so_is_told_what_to_set(
    engines: Engines, database_url: str, tmp_path: Path
) -> None:
    async with pgbouncer(database_url, tmp_path) as url:
        environment = {**os.environ, **product_environment(engines, url, tmp_path / "data")}
        said = await command("worker", environment=environment)
    assert said.code == 1
    assert "RENDERFLEET_DATABASE_POOLING=transaction" in said.errors
