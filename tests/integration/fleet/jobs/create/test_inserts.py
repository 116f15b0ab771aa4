"""Jobs of calls that come at the same time are stored together, and each call gets its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from fleet.database import Database, DatabaseSettings
from fleet.errors import UnavailableError
from fleet.jobs.create.accept import IdempotencyConflictError, accept
from fleet.jobs.create.insert import NewJob
from fleet.jobs.create.inserts import Inserts
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S


def new_job(tenant_id: UUID, number: int = 0, *, html: str = "<p>hello</p>") -> NewJob:
    return NewJob.of(RenderRequest(html=html, external_id=str(number)), VAULT, tenant_id)


async def waiting_for_lock(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """How many statements wait for the lock on the table."""
    count = await connection.fetchval(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'jobs'::regclass"
    )
    return int(count)


@asynccontextmanager
async def locked_jobs(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Nobody can insert into `jobs` during the block."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE jobs IN EXCLUSIVE MODE")
            yield connection
    finally:
        await connection.close()


async def until_waiting(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await waiting_for_lock(connection) < count:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.01)


async def test_jobs_that_come_while_one_is_stored_share_a_transaction(
    database: Database, database_url: str, tenant_id: UUID
) -> None:
    store = Inserts(database, VAULT)
    new = [new_job(tenant_id, number) for number in range(20)]
    async with locked_jobs(database_url) as connection:
        storing = asyncio.gather(*(store.insert(job) for job in new))
        await until_waiting(connection, 1)
        assert await waiting_for_lock(connection) == 1
    stored = await storing
    assert [(job.id, job.external_id) for job in stored if job] == [(job.id, job.external_id) for job in new]
    transactions = await database.fetch("SELECT xmin::text, count(*) FROM jobs GROUP BY 1 ORDER BY 2")
    assert [row["count"] for row in transactions] == [1, 19]


async def test_jobs_of_other_tenants_do_not_wait(
    database: Database, database_url: str, tenant_id: UUID
) -> None:
    store = Inserts(database, VAULT)
    other = uuid4()
    await database.execute("INSERT INTO tenants (id, name) VALUES ($1, 'other')", other)
    async with locked_jobs(database_url) as connection:
        storing = asyncio.gather(*(store.insert(new_job(id_)) for id_ in (tenant_id, other)))
        await until_waiting(connection, 2)
    assert [job.tenant_id for job in await storing if job] == [tenant_id, other]


async def test_a_large_document_delays_no_small_one(
    database: Database, database_url: str, tenant_id: UUID
) -> None:
    store = Inserts(database, VAULT)
    html = "<p>hello</p>" * 10_000
    async with locked_jobs(database_url) as connection:
        storing = asyncio.gather(
            store.insert(new_job(tenant_id, html=html)), store.insert(new_job(tenant_id))
        )
        await until_waiting(connection, 2)
    assert all(await storing)


async def test_one_that_postgres_refuses_keeps_no_other_from_being_stored(
    database: Database, tenant_id: UUID
) -> None:
    store = Inserts(database, VAULT)
    new = [new_job(tenant_id, number) for number in range(6)]
    new[3] = new[3]._replace(bundle_id=uuid4())  # there is no such bundle
    ended = await asyncio.gather(*(store.insert(job) for job in new), return_exceptions=True)
    assert isinstance(ended.pop(3), asyncpg.ForeignKeyViolationError)
    assert [job.external_id for job in ended if job and not isinstance(job, BaseException)] == list("01245")
    assert await database.fetchval("SELECT count(*) FROM jobs") == 5


async def test_one_key_at_the_same_moment_is_one_job(database: Database, tenant_id: UUID) -> None:
    store = Inserts(database, VAULT)

    async def post(number: int, html: str = "<p>a</p>") -> UUID:
        accepted = await accept(
            database,
            VAULT,
            tenant_id=tenant_id,
            request=RenderRequest(html=html),
            idempotency_key=f"order-{number % 3}",
            inserts=store,
        )
        return accepted.job.id

    ids = await asyncio.gather(*(post(number) for number in range(30)))
    assert len(set(ids)) == await database.fetchval("SELECT count(*) FROM jobs") == 3
    assert [ids[number] for number in range(30)] == [ids[number % 3] for number in range(30)]
    with pytest.raises(IdempotencyConflictError):
        await post(1, html="<p>b</p>")


async def test_two_processes_with_the_same_keys_in_another_order_do_not_block_each_other(
    database: Database, tenant_id: UUID
) -> None:
    keys = [f"order-{number:02}" for number in range(40)]

    async def post(store: Inserts, key: str) -> bool:
        accepted = await accept(
            database,
            VAULT,
            tenant_id=tenant_id,
            request=RenderRequest(html="<p>hello</p>"),
            idempotency_key=key,
            inserts=store,
        )
        return accepted.is_new

    one, other = Inserts(database, VAULT), Inserts(database, VAULT)
    for _ in range(5):
        await database.execute("TRUNCATE jobs CASCADE")
        made = await asyncio.gather(
            *(post(one, key) for key in keys), *(post(other, key) for key in reversed(keys))
        )
        assert sum(made) == len(keys)
    deadlocks = await database.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks == 0


async def test_without_postgres_each_call_is_told(tenant_id: UUID) -> None:
    nowhere = DatabaseSettings(database_url="postgresql://nobody:none@127.0.0.1:1/none")
    store = Inserts(await Database.open(nowhere, application="tests", eager=False), VAULT)
    ended = await asyncio.gather(
        *(store.insert(new_job(tenant_id)) for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in ended] == [UnavailableError] * 3
