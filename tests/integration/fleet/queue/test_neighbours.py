"""The whole product: one tenant's long queue and another tenant's jobs, one after the other."""

from dataclasses import replace

from fleet.database import Database
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.entry import QueuedJob, QueueEntry
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.tenants import find_tenant
from tests.kit.stages.stage import Stage

SLOTS = 2
_QUEUE_MANY = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, priority, dispatched_at)
    SELECT gen_random_uuid(), $1, '{"html": "<p>one of many</p>"}', '\\x00', 3, 9, now()
    FROM generate_series(1, $2)
    RETURNING id
"""
# How many jobs of others began to run between the arrival of each of a tenant's jobs and its own begin.
_OVERTAKEN_BY = """
    SELECT (SELECT count(*) FROM attempts AS other JOIN jobs ON jobs.id = other.job_id
            WHERE jobs.tenant_id <> mine.tenant_id
              AND other.started_at BETWEEN mine.created_at AND attempts.started_at) AS jobs
    FROM jobs AS mine JOIN attempts ON attempts.job_id = mine.id
    WHERE mine.tenant_id = $1 ORDER BY mine.created_at
"""


async def queue_many(stage: Stage, count: int) -> None:
    """Queue jobs of the highest priority, without the time that as many calls would take."""
    rows = await stage.database.fetch(_QUEUE_MANY, stage.tenant_id, count)
    queued = [QueuedJob(QueueEntry(row["id"], 1), stage.tenant_id, priority=9) for row in rows]
    assert await dispatch.dispatch(stage.redis, queued)


async def neighbour_of(stage: Stage, database: Database) -> Stage:
    """The same fleet in the hand of another tenant."""
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="neighbour", key_name="x", scopes=frozenset({Scope.RENDER})
        )
    tenant = await find_tenant(database, key)
    assert tenant is not None
    return replace(stage, tenant_id=tenant.id)


async def test_every_job_that_is_posted_to_an_empty_queue_is_among_the_next_ones(
    stage: Stage, database: Database
) -> None:
    await queue_many(stage, 10_000)
    neighbour = await neighbour_of(stage, database)
    async with stage.worker("worker", BROWSER_MAX_PAGES=str(SLOTS)):
        for number in range(10):
            job = await neighbour.enqueue(html=f"<p>{number}</p>")
            assert (await neighbour.ended(job)).state is State.SUCCEEDED
    overtaken_by = [row["jobs"] for row in await database.fetch(_OVERTAKEN_BY, neighbour.tenant_id)]
    assert len(overtaken_by) == 10
    # One turn of the other tenant, and what began while the job was on its way from Postgres to Redis.
    assert max(overtaken_by) <= 1 + SLOTS, overtaken_by
