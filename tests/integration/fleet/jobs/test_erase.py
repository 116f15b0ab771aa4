"""What is old goes, from the store and from the tables, and nothing else does."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.keys import artifact_key
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.facts import EvidenceFacts
from fleet.jobs.job import State
from fleet.telemetry.metrics.of_worker import ERASED
from tests.integration.fleet.jobs.past import DAY, Past
from tests.kit.data.facts import PICTURE
from tests.kit.patience import PATIENCE_S
from worker.attempts.ending import Ending
from worker.maintenance.eraser import Eraser

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FAILED = AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="x")


def eraser(past: Past, **options: object) -> Eraser:
    settings = {"history": 30 * DAY, **options}
    return Eraser(past.database, past.artifacts, **settings)  # type: ignore[arg-type] # of many types


async def test_an_artifact_goes_when_its_time_is_over_and_no_other_one(past: Past) -> None:
    old, old_key = await past.succeeded()
    young, young_key = await past.succeeded()
    running = await past.claim(await past.accept())
    running_key = await past.upload(running)
    await past.erasable(old)
    await eraser(past).erase()
    assert past.stored() == {young_key, running_key}
    assert old_key not in past.stored()
    assert await past.is_erased(old)
    assert not await past.is_erased(young)


async def test_a_job_without_artifact_counts_as_erased_too(past: Past) -> None:
    """Else it would be looked at for ever, and its row would never be forgotten."""
    job = await past.accept()
    await cancel_job(past.database, job_id=job.id, tenant_id=job.tenant_id)
    await past.erasable(job)
    await eraser(past).erase()
    assert await past.is_erased(job)


async def test_all_that_a_job_left_goes_with_its_artifact(past: Past) -> None:
    """Also what a zombie uploads after its orphans were looked for."""
    job = await past.accept()
    zombie = await past.claim(job)
    await past.retry(zombie)
    key = await past.succeed(await past.claim(job))
    erasing = eraser(past, orphan_age=timedelta())
    await erasing.erase()
    late = await past.upload(zombie)
    await erasing.erase()
    assert past.stored() == {key, late}
    await past.erasable(job)
    await erasing.erase()
    assert past.stored() == set()


async def test_the_evidence_of_a_failed_job_is_no_orphan_and_goes_with_its_retention(past: Past) -> None:
    job = await past.accept()
    first = await past.claim(job)
    await past.upload(first, "zip")
    await past.retry(first)
    second = await past.claim(job)
    key = await past.upload(second, "zip")
    evidence = EvidenceFacts(key=key, size_bytes=1, sha256="0")
    outcome = AttemptOutcome(
        State.FAILED, error_type=ErrorType.PAGE_CRASHED, error_detail="x", evidence=evidence
    )
    assert await attempts.finish(past.database, second, outcome)
    erasing = eraser(past, orphan_age=timedelta())
    await erasing.erase()
    assert past.stored() == {key}
    await past.erasable(job)
    await erasing.erase()
    assert past.stored() == set()


@pytest.mark.parametrize("end", ["retried", "lost", "handed back", "cancelled", "expired", "failed"])
async def test_what_an_attempt_left_without_success_goes_while_its_job_lives_on(past: Past, end: str) -> None:
    neighbour, neighbours_key = await past.succeeded()
    job = await past.accept()
    attempt = await past.claim(job)
    await past.upload(attempt, "webp")
    if end == "retried":
        await past.retry(attempt)
    elif end == "handed back":
        assert await attempts.hand_back(past.database, attempt)
    elif end == "lost":
        await past.age("jobs", "lease_until", DAY, job.id)
        assert (await recover.take_back_lost(past.database, lease=timedelta(0), limit=5)).requeued
    else:
        failure = {"error_type": ErrorType.RENDER_TIMEOUT, "error_detail": "x"} if end == "failed" else {}
        assert await attempts.finish(past.database, attempt, AttemptOutcome(State(end), **failure))  # type: ignore[arg-type] # either
    expected = {neighbours_key}
    if end in ("retried", "lost", "handed back"):
        second = await past.claim(job)
        expected.add(await past.upload(second))
    erasing = eraser(past)
    await erasing.erase()
    assert len(past.stored()) == len(expected) + 1  # a worker that hangs may still upload or erase it itself
    await past.age("attempts", "finished_at", timedelta(hours=2))
    await erasing.erase()
    assert past.stored() == expected
    assert not await past.is_erased(neighbour)


async def test_each_attempt_without_success_is_looked_at_once(past: Past) -> None:
    await past.succeeded()
    attempt = await past.claim(await past.accept())
    assert await attempts.finish(past.database, attempt, FAILED)
    count = ERASED.labels("attempt")
    before = count._value.get()  # noqa: SLF001 - no public way to read it
    erasing = eraser(past, orphan_age=timedelta())
    for _ in range(3):
        await erasing.erase()
    assert count._value.get() == before + 1  # noqa: SLF001


async def test_a_worker_whose_result_is_refused_takes_its_object_away(past: Past, redis: ArqRedis) -> None:
    job = await past.accept()
    zombie = await past.claim(job)
    orphan = await past.upload(zombie)
    await past.retry(zombie)
    key = await past.succeed(await past.claim(job))
    ending = Ending(past.database, redis, past.artifacts, wake_sender=lambda: None)
    outcome = AttemptOutcome(State.SUCCEEDED, artifact_key=orphan, artifact=PICTURE)
    await ending.record(zombie, outcome)
    assert past.stored() == {key}


async def test_a_result_that_is_recorded_twice_keeps_its_object(past: Past, redis: ArqRedis) -> None:
    """The first commit went through and its answer was lost."""
    attempt = await past.claim(await past.accept())
    key = await past.succeed(attempt)
    ending = Ending(past.database, redis, past.artifacts, wake_sender=lambda: None)
    await ending.record(attempt, AttemptOutcome(State.SUCCEEDED, artifact_key=key, artifact=PICTURE))
    assert past.stored() == {key}


async def test_a_store_that_is_away_loses_nothing_but_time(past: Past, engines: Engines) -> None:
    job, key = await past.succeeded()
    await past.erasable(job)
    engines.s3.kill()
    try:
        await eraser(past).erase()
        assert not await past.is_erased(job)
    finally:
        await asyncio.to_thread(engines.s3.start)
    assert past.stored() == {key}
    await eraser(past).erase()
    assert past.stored() == set()
    assert await past.is_erased(job)


async def test_what_the_store_keeps_holds_up_nothing_else(past: Past) -> None:
    """Pages of one: the first object cannot be deleted, the second one can."""
    held, held_key = await past.succeeded(days_ago=3)
    free, _ = await past.succeeded()
    await past.age("jobs", "erase_at", 9 * DAY, held.id)
    await past.age("jobs", "erase_at", 8 * DAY, free.id)
    folder = (past.engines.s3.folder / "renderfleet" / held_key).parent
    folder.chmod(0o555)
    try:
        await eraser(past, rows_per_step=1).erase()
        assert past.stored() == {held_key}
        assert not await past.is_erased(held)
        assert await past.is_erased(free)
    finally:
        folder.chmod(0o755)
    await eraser(past, rows_per_step=1).erase()
    assert await past.is_erased(held)


async def test_many_workers_share_a_backlog_of_any_length(past: Past) -> None:
    made = [await past.succeeded() for _ in range(24)]
    await past.erasable(*(job for job, _ in made))
    count = ERASED.labels("artifact")
    before = count._value.get()  # noqa: SLF001 - no public way to read it
    workers = [eraser(past, rows_per_step=5) for _ in range(3)]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(worker.erase() for worker in workers))
    assert past.stored() == set()
    assert count._value.get() == before + 24  # noqa: SLF001
    assert all([await past.is_erased(job) for job, _ in made])


async def test_rows_are_forgotten_after_their_artifact_and_not_before(past: Past) -> None:
    old, _ = await past.succeeded()
    kept, kept_key = await past.succeeded()  # its artifact is to be kept for longer than the history
    open_, _ = await past.accept(), await past.accept()
    await past.age("jobs", "finished_at", 31 * DAY)
    await past.age("jobs", "created_at", 31 * DAY)
    await past.erasable(old)
    erasing = eraser(past, rows_per_step=1)
    await erasing.erase()
    await erasing.erase()
    assert await past.row(old) is None
    assert await past.row(kept) is not None
    assert await past.row(open_) is not None
    assert kept_key in past.stored()
    orphans = "SELECT count(*) FROM attempts WHERE job_id NOT IN (SELECT id FROM jobs)"
    assert await past.database.fetchval(orphans) == 0


async def test_a_job_is_remembered_while_a_webhook_is_still_to_be_sent(past: Past) -> None:
    job, _ = await past.succeeded()
    await past.database.execute(
        "INSERT INTO webhook_outbox (job_id, tenant_id, url) VALUES ($1, $2, 'https://example.com/')",
        job.id,
        past.tenant_id,
    )
    await past.erasable(job)
    await past.age("jobs", "finished_at", 31 * DAY)
    for _ in range(2):
        await eraser(past).erase()
    assert await past.row(job) is not None
    await past.database.execute("UPDATE webhook_outbox SET state = 'delivered', ended_at = now()")
    await eraser(past).erase()
    assert await past.row(job) is None


async def test_keys_of_batches_are_forgotten_with_their_time(past: Past) -> None:
    for key in ("old", "young"):
        await past.database.execute(
            "INSERT INTO batches (tenant_id, idempotency_key, digest, items) VALUES ($1, $2, '', '[]')",
            past.tenant_id,
            key,
        )
    await past.database.execute(
        "UPDATE batches SET created_at = now() - interval '31 days' WHERE idempotency_key = 'old'"
    )
    await eraser(past).erase()
    assert await past.database.fetchval("SELECT array_agg(idempotency_key) FROM batches") == ["young"]


async def test_unfinished_uploads_of_artifacts_are_dropped(past: Past, engines: Engines) -> None:
    client = boto3.client("s3", endpoint_url=engines.s3_endpoint_url)
    attempt = await past.claim(await past.accept())
    ours = artifact_key(attempt.tenant_id, attempt.job_id, 1, attempt.created_at, "pdf")
    for key in (ours, "backups/of-somebody-else.tar"):
        upload = client.create_multipart_upload(Bucket="renderfleet", Key=key)
        client.upload_part(
            Bucket="renderfleet", Key=key, UploadId=upload["UploadId"], PartNumber=1, Body=b"x" * 1000
        )
    await eraser(past, upload_age=DAY).erase()
    assert unfinished(client) == {ours, "backups/of-somebody-else.tar"}
    await eraser(past, upload_age=-DAY).erase()
    assert unfinished(client) == {"backups/of-somebody-else.tar"}
    [left] = client.list_multipart_uploads(Bucket="renderfleet")["Uploads"]
    client.abort_multipart_upload(Bucket="renderfleet", Key=left["Key"], UploadId=left["UploadId"])
    client.close()


def unfinished(client: "S3Client") -> set[str]:
    return {
        upload["Key"] for upload in client.list_multipart_uploads(Bucket="renderfleet").get("Uploads", [])
    }
