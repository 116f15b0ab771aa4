"""Of a scheduled picture somebody is told only when it changed, and never too seldom."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from arq.connections import ArqRedis
from PIL import Image

from fleet.artifacts.keys import artifact_key
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.jobs import read
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import ArtifactFacts
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueueEntry
from fleet.schedules import schedule as schedules
from fleet.schedules.request import ScheduleRequest
from fleet.schedules.schedule import Schedule
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.stage import LOOPBACK, Stage
from worker.attempts.comparison import Comparison, ComparisonResult
from worker.maintenance.scheduler import Scheduler

SIZE = (320, 200)
HOOK = "https://example.com/hook"


@dataclass
class Watch:
    """A schedule that compares, and a worker's end of its jobs without the worker."""

    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    comparison: Comparison
    tenant_id: UUID
    folder: Path
    schedule: Schedule

    async def fire(self) -> JobAttempt:
        """Make a job and claim it."""
        await self.database.execute("UPDATE schedules SET next_fire_at = now() - interval '1 ms'")
        await Scheduler(self.database, VAULT, self.redis, LOOPBACK, max_queued=0).fire_due()
        job_id = await self.database.fetchval("SELECT last_job_id FROM schedules")
        lease = timedelta(seconds=60)
        attempt = await claim.claim(self.database, QueueEntry(job_id, 1), worker_id=uuid4(), lease=lease)
        assert attempt is not None
        return attempt

    async def end(self, attempt: JobAttempt, picture: Path) -> ComparisonResult:
        """Upload, compare and finish, as `worker/attempts/attempt_runner.py` does."""
        key = artifact_key(attempt.tenant_id, attempt.job_id, 1, attempt.created_at, "png")
        await self.artifacts.upload(picture, key, content_type="image/png")
        facts = facts_of(picture)
        verdict = await self.comparison.compare(picture, facts, attempt)
        outcome = AttemptOutcome(
            State.SUCCEEDED,
            artifact_key=key,
            artifact=replace(facts, fingerprint=verdict.fingerprint),
            warnings=verdict.warnings,
            unchanged=verdict.unchanged,
            comparison=verdict.comparison,
        )
        assert await attempts.finish(self.database, attempt, outcome)
        return verdict

    async def see(self, picture: Path) -> bool | None:
        """Fire, render this, and say whether it counted as unchanged."""
        return (await self.end(await self.fire(), picture)).unchanged

    async def compare_by(self, **compare: object) -> None:
        """Set how it compares."""
        wanted = request(compare=compare)
        ids = {"schedule_id": self.schedule.id, "tenant_id": self.tenant_id}
        assert await schedules.replace(self.database, VAULT, **ids, wanted=wanted)

    async def told(self) -> int:
        """How many messages there are for the webhook."""
        return int(await self.database.fetchval("SELECT count(*) FROM webhook_outbox"))

    def picture(self, name: str, *, dot: int = 0, size: tuple[int, int] = SIZE, level: int = 6) -> Path:
        """A white picture with a black square of so many pixels a side."""
        picture = Image.new("RGB", size, "white")
        picture.paste("black", (10, 10, 10 + dot, 10 + dot))
        path = self.folder / name
        picture.save(path, format="PNG", compress_level=level)
        return path


def request(**options: object) -> ScheduleRequest:
    document = {"cron": "@yearly", "job": {"html": "x", "webhook_url": HOOK}, "deliver": "when_changed"}
    return ScheduleRequest.model_validate(document | options)


def facts_of(picture: Path) -> ArtifactFacts:
    data = picture.read_bytes()
    try:
        with Image.open(picture) as opened:
            width, height = opened.size
    except OSError:
        width, height = SIZE
    return ArtifactFacts(
        "image/png",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        width_px=width,
        height_px=height,
    )


@pytest.fixture
async def watch(
    database: Database, redis: ArqRedis, storage_settings: StorageSettings, tenant_id: UUID, tmp_path: Path
) -> AsyncIterator[Watch]:
    made = await schedules.create(database, VAULT, tenant_id=tenant_id, wanted=request())
    assert made is not None
    artifacts = Artifacts(storage_settings)
    comparison = Comparison(database, artifacts)
    yield Watch(database, redis, artifacts, comparison, tenant_id, tmp_path, made)
    artifacts.close()


async def test_the_first_picture_is_told_and_the_same_one_not_again(watch: Watch) -> None:
    assert await watch.see(watch.picture("a")) is False
    assert await watch.see(watch.picture("a")) is True
    assert await watch.see(watch.picture("a", level=0)) is True, "other bytes, the same pixels"
    assert await watch.told() == 1
    assert await watch.see(watch.picture("b", dot=1)) is False
    assert await watch.see(watch.picture("a")) is False, "back again is a change too"
    assert await watch.told() == 3


async def test_a_share_of_pixels_may_differ(watch: Watch) -> None:
    await watch.compare_by(method="pixels", threshold=0.01)  # of 64,000
    assert await watch.see(watch.picture("a")) is False
    assert await watch.see(watch.picture("b", dot=25)) is True
    assert await watch.see(watch.picture("c", dot=26)) is False
    assert await watch.see(watch.picture("d", dot=26, size=(320, 201))) is False
    assert list(watch.folder.glob("*.last")) == []


async def test_small_steps_add_up_because_the_delivered_picture_counts(watch: Watch) -> None:
    await watch.compare_by(method="pixels", threshold=0.01)
    seen = [await watch.see(watch.picture("a", dot=dot)) for dot in (0, 15, 20, 25, 30, 31)]
    assert seen == [False, True, True, True, False, True]


async def test_from_afar_only_shapes_count(watch: Watch) -> None:
    await watch.compare_by(method="perceptual")
    assert await watch.see(watch.picture("a", dot=120)) is False
    assert await watch.see(watch.picture("b", dot=121)) is True
    assert await watch.see(watch.picture("c", dot=10)) is False


async def test_an_erased_last_picture_counts_as_changed(watch: Watch) -> None:
    await watch.compare_by(method="pixels", threshold=0.5)
    first = await watch.fire()
    await watch.end(first, watch.picture("a"))
    key = await watch.database.fetchval("SELECT picture_key FROM schedules")
    await watch.artifacts.delete(key)
    verdict = await watch.end(await watch.fire(), watch.picture("b", dot=1))
    assert verdict.unchanged is False
    assert verdict.comparison is not None
    assert (verdict.comparison["distance"], verdict.comparison["compared_with"]) == (None, None)
    assert await watch.see(watch.picture("c", dot=2)) is True


async def test_what_cannot_be_decoded_succeeds_as_changed_and_so_does_the_next(watch: Watch) -> None:
    assert await watch.see(watch.picture("a")) is False
    broken = watch.folder / "broken"
    broken.write_bytes(b"no picture")
    verdict = await watch.end(await watch.fire(), broken)
    assert verdict.unchanged is False
    assert "cannot be decoded" in verdict.warnings[0]
    assert await watch.see(broken) is True, "equal bytes need no decoding"
    assert await watch.see(watch.picture("a")) is False, "the last one delivered is not this one"
    assert await watch.told() == 3


async def test_without_postgres_a_picture_counts_as_changed(watch: Watch, database: Database) -> None:
    picture = watch.picture("a")
    await watch.see(picture)
    attempt = await watch.fire()
    database.terminate()
    verdict = await watch.comparison.compare(picture, facts_of(picture), attempt)
    assert verdict.unchanged is False


async def test_an_older_job_that_ends_later_does_not_become_the_last_picture(watch: Watch) -> None:
    older, newer = await watch.fire(), await watch.fire()
    await watch.end(newer, watch.picture("new", dot=9))
    await watch.end(older, watch.picture("old"))
    assert await watch.see(watch.picture("new", dot=9)) is True


async def test_another_template_or_another_measure_makes_the_next_picture_a_first_one(watch: Watch) -> None:
    await watch.see(watch.picture("a"))
    under_way = await watch.fire()
    await watch.compare_by(method="perceptual")
    await watch.end(under_way, watch.picture("a"))
    assert await watch.see(watch.picture("a")) is False
    await watch.compare_by(method="perceptual")
    assert await watch.see(watch.picture("a")) is True, "nothing was changed"


async def test_a_picture_of_a_job_that_did_not_end_was_not_delivered(watch: Watch) -> None:
    """The worker dies between comparing and finishing: whoever runs it again must tell of it."""
    attempt, picture = await watch.fire(), watch.picture("a")
    first = await watch.comparison.compare(picture, facts_of(picture), attempt)
    again = await watch.comparison.compare(picture, facts_of(picture), attempt)
    assert (first.unchanged, again.unchanged) == (False, False)


async def test_jobs_of_their_own_and_of_schedules_that_tell_always_are_not_compared(watch: Watch) -> None:
    picture, attempt = watch.picture("a"), await watch.fire()
    await schedules.replace(
        watch.database,
        VAULT,
        schedule_id=watch.schedule.id,
        tenant_id=watch.tenant_id,
        wanted=request(deliver="always"),
    )
    for schedule_id in (None, uuid4(), watch.schedule.id):
        other = replace(attempt, schedule_id=schedule_id)
        assert await watch.comparison.compare(picture, facts_of(picture), other) == ComparisonResult()


class Showcase:
    """A web server with one page that the test changes, and a webhook that takes everything."""

    def __init__(self) -> None:
        self.page = b""
        self.posts = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.posts += head.startswith(b"POST ")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(self.page) + self.page)
        await writer.drain()
        writer.close()


@pytest.fixture
async def showcase() -> AsyncIterator[Showcase]:
    made = Showcase()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield made
    server.close()


async def next_job(stage: Stage, before: UUID | None) -> Job:
    """Wait for the job that the schedule makes after this one, and for its end."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            made = await stage.database.fetchval("SELECT last_job_id FROM schedules")
            if made != before:
                break
            await asyncio.sleep(0.02)  # what others write to a table is seen by looking
    job = await read.get(stage.database, job_id=made, tenant_id=stage.tenant_id)
    assert job is not None
    return await stage.ended(job)


async def test_a_watched_page_is_told_of_when_it_changes(stage: Stage, showcase: Showcase) -> None:
    """The whole way: schedule, worker, Chromium, store, webhook."""
    wanted = {
        "cron": "@yearly",
        "job": {"url": showcase.url, "webhook_url": f"{showcase.url}hook"},
        "deliver": "when_changed",
        "compare": {"ignore_selectors": ["#now"]},
    }
    request = ScheduleRequest.model_validate(wanted, context={"egress": LOOPBACK})
    await schedules.create(stage.database, VAULT, tenant_id=stage.tenant_id, wanted=request)
    page = b"<span id=now>It is %s</span><p>129.9%d EUR</p>"
    pages = [page % (b"12:00", 0), page % (b"12:01:07", 0), page % (b"12:02", 8)]
    seen: list[Job] = []
    async with stage.worker("worker"):
        for page in pages:
            showcase.page = page
            await stage.database.execute("UPDATE schedules SET next_fire_at = now() + interval '0.2 s'")
            seen.append(await next_job(stage, seen[-1].id if seen else None))
        async with asyncio.timeout(PATIENCE_S):
            while showcase.posts < 2:  # noqa: ASYNC110 - it counts
                await asyncio.sleep(0.02)
    assert [(job.state, job.unchanged) for job in seen] == [
        (State.SUCCEEDED, False),
        (State.SUCCEEDED, True),
        (State.SUCCEEDED, False),
    ]
    assert all(job.artifact_key for job in seen)
    assert seen[0].comparison is None
    assert seen[1].comparison is not None
    assert seen[2].comparison is not None
    assert [job.comparison["compared_with"] for job in seen[1:] if job.comparison] == [str(seen[0].id)] * 2
    assert seen[1].comparison["distance"] == 0
    assert seen[1].comparison["difference"] is None
    assert seen[2].comparison["distance"] > 0
    bucket = stage.engines.s3.folder / "renderfleet"
    assert (bucket / seen[2].comparison["difference_key"]).stat().st_size > 0
    told = await stage.database.fetch("SELECT job_id FROM webhook_outbox ORDER BY created_at")
    assert [row["job_id"] for row in told] == [seen[0].id, seen[2].id]
    late = [job.created_at - job.scheduled_for for job in seen if job.scheduled_for is not None]
    assert max(late) < timedelta(seconds=2.5)
