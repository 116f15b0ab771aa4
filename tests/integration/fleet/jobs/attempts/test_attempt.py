"""The queue's rules against Postgres itself: one claim wins, the fence refuses, nothing is finished twice."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs import listing, read
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts import recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.create import accept
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueuedJob, QueueEntry
from fleet.render.request import RenderRequest
from fleet.vault import Purpose, SecretOwner
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import VAULT
from worker.attempts.retry_policy import decide

LEASE = timedelta(seconds=15)
NO_LEASE = timedelta(seconds=0)
REQUEST = RenderRequest(html="<p>hello</p>")
DONE = AttemptOutcome(State.SUCCEEDED, artifact_key="k", artifact=PICTURE)


async def accepted(database: Database, tenant_id: UUID) -> Job:
    return (await accept.accept(database, VAULT, tenant_id=tenant_id, request=REQUEST)).job


async def claimed(database: Database, job: Job, *, dispatch: int = 1, lease: timedelta = LEASE) -> JobAttempt:
    attempt = await claims.claim(database, QueueEntry(job.id, dispatch), worker_id=uuid4(), lease=lease)
    assert attempt is not None
    return attempt


def unsealed(attempt: JobAttempt) -> str:
    return attempt.request.unseal(VAULT, SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id))


async def state_of(database: Database, job: Job) -> Job:
    found = await read.get(database, job_id=job.id, tenant_id=job.tenant_id)
    assert found is not None
    return found


async def test_one_entry_for_fifty_workers_is_claimed_once(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    entry = QueueEntry(job.id, job.dispatch)
    found = await asyncio.gather(
        *(claims.claim(database, entry, worker_id=uuid4(), lease=LEASE) for _ in range(50))
    )
    assert len([claim for claim in found if claim is not None]) == 1
    assert (await state_of(database, job)).attempt == 1


async def test_a_claimed_request_reads_back_as_it_was_asked(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id))
    assert RenderRequest.model_validate_json(unsealed(attempt)) == REQUEST


async def test_a_stale_dispatch_claims_nothing(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    first = await claimed(database, job)
    went = await attempts.hand_back(database, first)
    assert went is not None
    assert went.queued == QueuedJob(QueueEntry(job.id, 2), tenant_id, has_run=True)
    assert await claims.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=LEASE) is None
    assert (await claimed(database, job, dispatch=2)).attempt == 2


async def test_crashes_and_hand_backs_do_not_count_against_max_attempts(
    database: Database, tenant_id: UUID
) -> None:
    """The example of docs/states.md: a worker dies, one stops, S3 does not answer, then it goes well."""
    job = await accepted(database, tenant_id)
    await claimed(database, job, lease=NO_LEASE)
    await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
    assert await attempts.hand_back(database, await claimed(database, job, dispatch=2)) is not None
    failing = await claimed(database, job, dispatch=3)
    again = decide(
        ErrorType.STORAGE_UNAVAILABLE,
        failure_count=failing.failure_count,
        crash_count=failing.crash_count,
        max_attempts=failing.max_attempts,
        jitter=0.5,
    )
    assert again is not None
    await attempts.requeue_failed(
        database,
        failing,
        delay=timedelta(0),
        is_crash=again.is_crash,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="S3 does not answer",
    )
    last = await claimed(database, job, dispatch=4)
    assert (last.attempt, last.max_attempts) == (4, 3)
    assert (last.failure_count, last.crash_count) == (1, 1)
    assert await attempts.finish(database, last, DONE)
    assert (await state_of(database, job)).state is State.SUCCEEDED


async def test_a_finish_after_the_lease_went_to_another_is_refused(
    database: Database, tenant_id: UUID
) -> None:
    job = await accepted(database, tenant_id)
    zombie = await claimed(database, job, lease=NO_LEASE)
    expired = await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
    assert expired.requeued == [QueuedJob(QueueEntry(job.id, 2), tenant_id, has_run=True)]
    heir = await claimed(database, job, dispatch=2)
    assert not await attempts.finish(database, zombie, DONE)
    assert await attempts.hand_back(database, zombie) is None
    assert (await state_of(database, job)).state is State.RUNNING
    assert await attempts.finish(database, heir, DONE)
    assert (await state_of(database, job)).state is State.SUCCEEDED


async def test_a_repeated_finish_of_our_own_is_recognised(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id))
    assert await attempts.finish(database, attempt, DONE)
    assert await attempts.finish(database, attempt, DONE)
    other = AttemptOutcome(State.FAILED, error_type=ErrorType.PDF_FAILED, error_detail="x")
    assert not await attempts.finish(database, attempt, other)


async def test_a_renewal_returns_what_is_still_ours_alone(database: Database, tenant_id: UUID) -> None:
    kept = await claimed(database, await accepted(database, tenant_id))
    ended = await claimed(database, await accepted(database, tenant_id))
    await attempts.finish(database, ended, DONE)
    pairs = [(kept.job_id, kept.attempt), (ended.job_id, ended.attempt), (kept.job_id, kept.attempt + 1)]
    renewal = await attempts.renew(database, pairs, lease=LEASE)
    assert renewal.held == {(kept.job_id, kept.attempt)}
    assert renewal.to_cancel == frozenset()


async def test_a_renewal_of_another_attempt_holds_nothing(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id))
    renewal = await attempts.renew(database, [(attempt.job_id, attempt.attempt + 1)], lease=LEASE)
    assert renewal.held == frozenset()


async def test_a_job_whose_cancelling_is_wanted_is_not_claimed(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    await database.execute("UPDATE jobs SET cancel_requested = true")
    assert await claims.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=LEASE) is None


async def test_a_wanted_cancel_comes_back_with_the_heartbeat(database: Database, tenant_id: UUID) -> None:
    attempt = await claimed(database, await accepted(database, tenant_id))
    await database.execute("UPDATE jobs SET cancel_requested = true WHERE id = $1", attempt.job_id)
    pair = (attempt.job_id, attempt.attempt)
    assert (await attempts.renew(database, [pair], lease=LEASE)).to_cancel == {pair}


async def test_failures_and_crashes_are_counted_apart_and_a_hand_back_is_neither(
    database: Database, tenant_id: UUID
) -> None:
    job = await accepted(database, tenant_id)
    first = await claimed(database, job)
    await attempts.requeue_failed(
        database,
        first,
        delay=timedelta(),
        is_crash=False,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="away",
    )
    second = await claimed(database, job, dispatch=2)
    assert (second.failure_count, second.crash_count) == (1, 0)
    await attempts.requeue_failed(
        database,
        second,
        delay=timedelta(),
        is_crash=True,
        error_type=ErrorType.PAGE_CRASHED,
        error_detail="gone",
    )
    third = await claimed(database, job, dispatch=3)
    assert (third.failure_count, third.crash_count) == (1, 1)
    await attempts.hand_back(database, third)
    fourth = await claimed(database, job, dispatch=4)
    assert (fourth.failure_count, fourth.crash_count) == (1, 1)
    outcomes = await database.fetch("SELECT outcome FROM attempts WHERE job_id = $1 ORDER BY attempt", job.id)
    assert [row["outcome"] for row in outcomes] == ["retried", "retried", "handed_back", None]


async def test_a_delayed_retry_cannot_be_claimed_before_its_time(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    attempt = await claimed(database, job)
    went = await attempts.requeue_failed(
        database,
        attempt,
        delay=timedelta(hours=1),
        is_crash=False,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="away",
    )
    assert went is not None
    assert went.queued is not None
    entry = went.queued.entry
    assert await claims.claim(database, entry, worker_id=uuid4(), lease=LEASE) is None
    assert went.queued not in await recover.possibly_missing(
        database, limit=10, grace=timedelta(), window=timedelta(hours=1)
    )
    await database.execute("UPDATE jobs SET run_after = now()")
    assert went.queued in await recover.possibly_missing(
        database, limit=10, grace=timedelta(), window=timedelta(hours=1)
    )
    assert await claims.claim(database, entry, worker_id=uuid4(), lease=LEASE) is not None


async def test_the_third_lost_worker_fails_the_job(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    for dispatch in (1, 2):
        await claimed(database, job, dispatch=dispatch, lease=NO_LEASE)
        expired = await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
        assert [queued.entry.job_id for queued in expired.requeued] == [job.id]
    await claimed(database, job, dispatch=3, lease=NO_LEASE)
    expired = await recover.take_back_lost(database, lease=NO_LEASE, limit=10)
    assert list(expired.ended) == [(job.id, State.FAILED)]
    ended = await state_of(database, job)
    assert (ended.state, ended.error_type) == (State.FAILED, ErrorType.WORKER_LOST)


async def test_a_freshly_started_postgres_expires_no_lease_for_one_lease(
    database: Database, tenant_id: UUID
) -> None:
    job = await accepted(database, tenant_id)
    await claimed(database, job, lease=NO_LEASE)
    since_start = await database.fetchval("SELECT now() - pg_postmaster_start_time()")
    patient = since_start + timedelta(minutes=1)
    assert not (await recover.take_back_lost(database, lease=patient, limit=10)).requeued
    assert (await recover.take_back_lost(database, lease=NO_LEASE, limit=10)).requeued


async def test_sweeps_at_the_same_time_share_the_work(database: Database, tenant_id: UUID) -> None:
    for _ in range(20):
        await claimed(database, await accepted(database, tenant_id), lease=NO_LEASE)
    swept = await asyncio.gather(
        *(recover.take_back_lost(database, lease=NO_LEASE, limit=5) for _ in range(8))
    )
    taken = [job for one in swept for job in one.requeued]
    assert len(taken) == len(set(taken)) == 20


async def test_an_idempotency_key_gives_one_job_to_racing_callers(
    database: Database, tenant_id: UUID
) -> None:
    answers = await asyncio.gather(
        *(
            accept.accept(database, VAULT, tenant_id=tenant_id, request=REQUEST, idempotency_key="order-7")
            for _ in range(20)
        )
    )
    assert len({answer.job.id for answer in answers}) == 1
    assert sum(answer.is_new for answer in answers) == 1
    other = RenderRequest(html="<p>another</p>")
    with pytest.raises(accept.IdempotencyConflictError):
        await accept.accept(database, VAULT, tenant_id=tenant_id, request=other, idempotency_key="order-7")


async def test_a_tenant_never_sees_anothers_job(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    assert await read.get(database, job_id=job.id, tenant_id=uuid4()) is None
    assert not await listing.list_newest(database, tenant_id=uuid4(), limit=10)
