"""Jobs that end before their time: cancelled by their owner, or expired; whichever path they were on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim, recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.create import accept
from fleet.jobs.job import Job, State, queued_job
from fleet.queue import dispatch
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import VAULT
from worker.maintenance.sweeper import Sweeper

LEASE = timedelta(seconds=15)
NO_LEASE = timedelta(0)
HOOK = "https://example.com/hook"


async def accepted(database: Database, tenant_id: UUID, **options: object) -> Job:
    request = RenderRequest.model_validate({"html": "<p>x</p>", **options})
    return (await accept.accept(database, VAULT, tenant_id=tenant_id, request=request)).job


async def claimed(database: Database, job: Job, *, lease: timedelta = LEASE) -> JobAttempt:
    attempt = await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=lease)
    assert attempt is not None
    return attempt


async def cancelled(database: Database, job: Job) -> Job | None:
    return await cancel_job(database, job_id=job.id, tenant_id=job.tenant_id)


async def state_of(database: Database, job: Job) -> State:
    return State(await database.fetchval("SELECT state FROM jobs WHERE id = $1", job.id))


async def messages(database: Database) -> int:
    return int(await database.fetchval("SELECT count(*) FROM webhook_outbox"))


async def put_back(database: Database, attempt: JobAttempt) -> State:
    went = await attempts.requeue_failed(
        database,
        attempt,
        delay=timedelta(),
        is_crash=False,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="away",
    )
    assert went is not None
    assert (went.queued is None) == went.state.is_terminal
    return went.state


async def test_a_queued_job_is_cancelled_at_once_and_for_good(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    ended = await cancelled(database, job)
    assert ended is not None
    assert ended.state is State.CANCELLED
    assert ended.finished_at is not None
    assert await cancelled(database, job) is None
    assert await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=LEASE) is None


async def test_a_running_job_is_asked_to_end_any_number_of_times(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    attempt = await claimed(database, job)
    for _ in range(2):
        asked = await cancelled(database, job)
        assert asked is not None
        assert asked.state is State.RUNNING
    pair = (attempt.job_id, attempt.attempt)
    assert (await attempts.renew(database, [pair], lease=LEASE)).to_cancel == {pair}


async def test_nobody_cancels_the_job_of_somebody_else(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    assert await cancel_job(database, job_id=job.id, tenant_id=uuid4()) is None
    assert await state_of(database, job) is State.QUEUED


async def test_a_cancelled_job_is_not_queued_again_but_ends(database: Database, tenant_id: UUID) -> None:
    retried, handed_back, lost = [await accepted(database, tenant_id) for _ in range(3)]
    first, second = await claimed(database, retried), await claimed(database, handed_back)
    await claimed(database, lost, lease=NO_LEASE)
    for job in (retried, handed_back, lost):
        await cancelled(database, job)
    assert await put_back(database, first) is State.CANCELLED
    went = await attempts.hand_back(database, second)
    assert went is not None
    assert went.state is State.CANCELLED
    expired = await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
    assert list(expired.ended) == [(lost.id, State.CANCELLED)]
    outcomes = await database.fetch("SELECT outcome FROM attempts ORDER BY job_id")
    assert [row["outcome"] for row in outcomes] == ["cancelled", "cancelled", "lost"]


async def test_a_render_that_was_done_before_the_cancel_came_stays_done(
    database: Database, tenant_id: UUID
) -> None:
    job = await accepted(database, tenant_id)
    attempt = await claimed(database, job)
    await cancelled(database, job)
    assert await attempts.finish(
        database, attempt, AttemptOutcome(State.SUCCEEDED, artifact_key="k", artifact=PICTURE)
    )
    assert await state_of(database, job) is State.SUCCEEDED


async def test_a_job_expires_in_the_queue(database: Database, redis: ArqRedis, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id, expires_in_s=60)
    sweeper = Sweeper(database, redis, lease=LEASE, interval=timedelta(seconds=5))
    await sweeper.sweep()
    assert await state_of(database, job) is State.QUEUED
    await database.execute("UPDATE jobs SET expires_at = now()")
    assert await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=LEASE) is None
    await sweeper.sweep()
    assert await state_of(database, job) is State.EXPIRED


async def test_a_claim_tells_how_long_the_job_may_still_take(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id, expires_in_s=60))
    assert attempt.expires_in_s is not None
    assert 55 < attempt.expires_in_s <= 60
    assert (await claimed(database, await accepted(database, tenant_id))).expires_in_s is None


async def test_an_expired_job_is_not_queued_again_but_ends(database: Database, tenant_id: UUID) -> None:
    retried, lost = [await accepted(database, tenant_id, expires_in_s=60) for _ in range(2)]
    attempt = await claimed(database, retried)
    await claimed(database, lost, lease=NO_LEASE)
    await database.execute("UPDATE jobs SET expires_at = now()")
    assert await put_back(database, attempt) is State.EXPIRED
    expired = await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
    assert list(expired.ended) == [(lost.id, State.EXPIRED)]


async def test_a_job_of_later_is_neither_sent_nor_claimed_before(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    job = await accepted(database, tenant_id, run_at=later.isoformat())
    assert queued_job(job, weight=1) is None
    sweeper = Sweeper(database, redis, lease=LEASE, interval=timedelta(seconds=5))
    await sweeper.sweep()
    assert await redis.zcard("renderfleet:queue") == 0
    assert await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=LEASE) is None
    await database.execute("UPDATE jobs SET run_after = now()")
    await sweeper.sweep()
    assert await redis.zcard("renderfleet:queue") == 1
    assert (await claimed(database, job)).pickup_s < 5  # counted from when it was due


@pytest.mark.parametrize("path", ["finish", "cancel", "expire", "lost", "put back"])
async def test_every_end_puts_one_message_into_the_outbox(
    database: Database, tenant_id: UUID, path: str
) -> None:
    job = await accepted(database, tenant_id, webhook_url=HOOK, expires_in_s=60)
    attempt = None if path in ("cancel", "expire") else await claimed(database, job, lease=NO_LEASE)
    assert await messages(database) == 0
    if path == "expire":
        await database.execute("UPDATE jobs SET expires_at = now()")
        assert await recover.expire_queued(database, limit=10) == [QueueEntry(job.id, 1)]
    elif path == "finish":
        assert attempt is not None
        outcome = AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="x")
        assert await attempts.finish(database, attempt, outcome)
        assert await attempts.finish(database, attempt, outcome)
    else:
        await cancelled(database, job)
        if path == "lost":
            await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
        elif attempt is not None:
            await put_back(database, attempt)
    assert await messages(database) == 1
    assert await database.fetchval("SELECT url FROM webhook_outbox") == HOOK
    assert await database.fetchval("SELECT erase_at - now() > interval '6 days' FROM jobs")


async def test_a_picture_that_did_not_change_is_told_to_nobody(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id, webhook_url=HOOK))
    done = AttemptOutcome(State.SUCCEEDED, artifact_key="k", artifact=PICTURE, unchanged=True)
    assert await attempts.finish(database, attempt, done)
    assert await messages(database) == 0


async def test_postgres_itself_lets_nothing_leave_a_terminal_state(
    database: Database, tenant_id: UUID
) -> None:
    job = await accepted(database, tenant_id)
    await cancelled(database, job)
    with pytest.raises(asyncpg.RaiseError, match="has ended as cancelled and cannot become queued"):
        await database.execute("UPDATE jobs SET state = 'queued', finished_at = NULL")


async def test_a_cancelled_job_leaves_the_line(database: Database, redis: ArqRedis, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    ready = queued_job(job, weight=1)
    assert ready is not None
    await dispatch.dispatch(redis, [ready])
    await dispatch.withdraw(redis, ready.entry)
    assert await redis.zcard("renderfleet:queue") == 0
