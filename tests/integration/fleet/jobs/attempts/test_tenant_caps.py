"""A tenant runs as many jobs at once as it may; the others wait aside and go on one by one."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts import recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.create import accept
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from worker.maintenance.sweeper import Sweeper

LEASE = timedelta(seconds=15)
FAILED = AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="x")


async def accepted(database: Database, tenant_id: UUID, count: int, **options: object) -> list[Job]:
    request = RenderRequest.model_validate({"html": "<p>x</p>", **options})
    return [
        (await accept.accept(database, VAULT, tenant_id=tenant_id, request=request)).job for _ in range(count)
    ]


async def claim(
    database: Database, job: Job, dispatch: int = 1, *, cap: int | None = None
) -> JobAttempt | None:
    entry = QueueEntry(job.id, dispatch)
    return await claims.claim(database, entry, worker_id=uuid4(), lease=LEASE, max_running=cap)


async def parked(database: Database) -> int:
    return int(await database.fetchval("SELECT count(*) FROM jobs WHERE parked"))


async def test_thirty_workers_at_once_start_as_many_as_the_tenant_may_run(
    database: Database, tenant_id: UUID
) -> None:
    await database.execute("UPDATE tenants SET max_running = 3")
    found = await asyncio.gather(*(claim(database, job) for job in await accepted(database, tenant_id, 30)))
    assert len([attempt for attempt in found if attempt is not None]) == 3
    assert await parked(database) == 27


async def test_the_setting_holds_for_tenants_without_a_cap_of_their_own(
    database: Database, tenant_id: UUID
) -> None:
    first, second, third = await accepted(database, tenant_id, 3)
    assert await claim(database, first, cap=1) is not None
    assert await claim(database, second, cap=1) is None
    await database.execute("UPDATE tenants SET max_running = 2")
    assert await claim(database, third, cap=1) is not None


async def test_an_end_lets_the_next_one_go_on_before_all_others(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await database.execute("UPDATE tenants SET max_running = 1")
    first, second, third = await accepted(database, tenant_id, 3)
    attempt = await claim(database, first)
    assert attempt is not None
    assert attempt.is_capped
    assert [await claim(database, job) for job in (second, third)] == [None, None]
    assert await attempts.finish(database, attempt, FAILED)
    [freed] = await claims.unpark(database, tenant_id, count=1)
    assert freed.entry == QueueEntry(second.id, 2)
    assert freed.has_run
    assert freed.is_paid, "the turn in which it was parked counts for the one to come"
    assert await parked(database) == 1
    assert await claim(database, second, dispatch=2) is not None
    assert await recover.free_places(database, max_running=None) == {}
    assert await redis.zcard("renderfleet:queue") == 0


async def test_a_parked_job_is_not_sent_again_by_a_sweep_until_there_is_room(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await database.execute("UPDATE tenants SET max_running = 1")
    first, second = await accepted(database, tenant_id, 2)
    attempt = await claim(database, first)
    assert attempt is not None
    assert await claim(database, second) is None
    await database.execute(
        "UPDATE jobs SET queued_at = queued_at - interval '1 minute', "
        "dispatched_at = dispatched_at - interval '1 minute'"
    )
    sweeper = Sweeper(database, redis, lease=LEASE, interval=timedelta(seconds=5))
    await sweeper.sweep()
    assert await redis.zcard("renderfleet:queue") == 0
    await attempts.finish(database, attempt, FAILED)  # by a worker that died before it let the next one go on
    await sweeper.sweep()
    assert await redis.zrange("renderfleet:queue", 0, -1) == [QueueEntry(second.id, 2).id.encode()]


async def test_the_urgent_one_of_the_parked_goes_on_first(database: Database, tenant_id: UUID) -> None:
    await database.execute("UPDATE tenants SET max_running = 1")
    [running, usual] = await accepted(database, tenant_id, 2)
    [urgent] = await accepted(database, tenant_id, 1, priority=9)
    for job in (running, usual, urgent):
        await claim(database, job)
    [freed] = await claims.unpark(database, tenant_id, count=1)
    assert freed.entry.job_id == urgent.id


async def test_a_parked_job_can_be_cancelled_and_can_expire(database: Database, tenant_id: UUID) -> None:
    await database.execute("UPDATE tenants SET max_running = 1")
    running, cancelled, expiring = await accepted(database, tenant_id, 3, expires_in_s=60)
    for job in (running, cancelled, expiring):
        await claim(database, job)
    ended = await cancel_job(database, job_id=cancelled.id, tenant_id=tenant_id)
    assert ended is not None
    assert ended.state is State.CANCELLED
    await database.execute("UPDATE jobs SET expires_at = now() WHERE id = $1", expiring.id)
    assert await recover.expire_queued(database, limit=10) == [QueueEntry(expiring.id, 1)]
    assert await parked(database) == 0
