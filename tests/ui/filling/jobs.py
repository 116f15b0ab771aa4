"""Jobs of every kind: each state, each sort of result, and words that would do harm if they were let."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from fleet.artifacts.keys import artifact_key
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.jobs.create.accept import accept
from fleet.jobs.job import Job
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.documents.drawn_pages import drawn_page
from tests.ui.kit.dashboard import Dashboard

HOSTILE: Final = (
    "\"'><script>document.title='harmed'</script><img src=x onerror=\"document.title='harmed'\">{{7*7}}"
)
COLOURS: Final = {
    "shop.example": (26, 86, 176),
    "news.example": (160, 40, 60),
    "status.example": (18, 105, 58),
    "docs.example.com": (90, 60, 150),
}
_END: Final = """
    UPDATE jobs SET state = $2, attempt = $3, created_at = $4, queued_at = $4, started_at = $5,
        finished_at = $6, artifact_key = $7, artifact = $8, page = $9, timings_ms = $10, verdict = $11,
        warnings = $12,
        error_type = $13, error_detail = $14, memory_peak_bytes = 188743680, worker_id = $15,
        browser_generation = 3, erase_at = $6::timestamptz + interval '7 days', dispatched_at = $4
    WHERE id = $1
"""
_ATTEMPT: Final = """
    INSERT INTO attempts (job_id, attempt, worker_id, browser_generation, started_at, finished_at, outcome,
                          error_type, error_detail)
    VALUES ($1, $2, $3, 3, $4, $5, $6, $7, $8)
"""
_TIMINGS: Final = {
    "queued": 42.0,
    "context": 3.1,
    "navigation": 412.5,
    "readiness": 96.0,
    "capture": 180.2,
    "upload": 38.4,
    "total": 730.2,
}
_VERDICT: Final = {"score": 1.0, "reasons": [], "blank_share": 0.41}


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Make them; the newest are made last."""
    maker = Maker(dashboard)
    try:
        await _ordinary(maker)
        await _unusual(maker)
        return {"job_id": str((await told_of(maker)).id)}
    finally:
        maker.store.close()


async def _ordinary(maker: "Maker") -> None:
    for number in range(12):
        host = list(COLOURS)[number % len(COLOURS)]
        png = drawn_page(COLOURS[host], offers=3 + number % 4)
        await maker.picture(
            png,
            ago=timedelta(hours=20 - number),
            url=f"https://{host}/offers/{number}",
            title=f"Offers of the week {number}",
            full_page=True,
        )


async def _unusual(maker: "Maker") -> None:
    hour = timedelta(hours=1)
    await maker.failed("navigation_timeout", "the page did not answer within 30 s", ago=7 * hour)
    await maker.failed("name_not_resolved", HOSTILE, ago=6 * hour, title=HOSTILE)
    await maker.other("application/pdf", ago=5 * hour, format="pdf", pages=500)
    await maker.other("text/html; charset=utf-8", ago=5 * hour, format="html")
    await maker.other("text/markdown; charset=utf-8", ago=5 * hour, format="markdown")
    await maker.other("image/png", ago=4 * hour, width_px=1280, height_px=100_000)
    erased = await maker.picture(
        drawn_page((1, 2, 3)), ago=3 * hour, url="https://old.example/", title="Gone"
    )
    await maker.database.execute(
        "UPDATE jobs SET artifact_erased_at = now(), erase_at = now() - interval '1 s' WHERE id = $1",
        erased.id,
    )
    cancelled = await maker.accepted(ago=2 * hour, url="https://slow.example/")
    await maker.database.execute(
        "UPDATE jobs SET state = 'cancelled', finished_at = created_at + interval '9 s' WHERE id = $1",
        cancelled.id,
    )
    hostile = f"https://example.com/?q={'a' * 300}%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    await maker.picture(
        drawn_page((60, 60, 60)), ago=hour, url=hostile, title=HOSTILE * 3, external_id="<b>&\"' external"
    )
    await maker.accepted(ago=timedelta(minutes=1), html="<p>words</p>")
    running = await maker.accepted(ago=timedelta(seconds=30), url="https://news.example/now")
    await maker.database.execute(
        "UPDATE jobs SET state = 'running', attempt = 1, worker_id = $2, started_at = now(), "
        "lease_until = now() + interval '1 day' WHERE id = $1",
        running.id,
        uuid4(),
    )
    await maker.attempt(running, 1, "lost", begins=2.0, ends=None)


async def told_of(maker: "Maker") -> Job:
    """One with all that a page of a job can show."""
    job = await maker.picture(
        drawn_page(COLOURS["shop.example"]),
        ago=timedelta(minutes=10),
        url="https://shop.example/offers?sort=price",
        title="Offers of the week",
        attempt=2,
        full_page=True,
        webhook_url="https://hooks.example/renders",
        warnings=["2 of 14 images did not come: they are missing in the picture"],
        verdict={
            "score": 0.72,
            "reasons": ["images_missing", "console_errors"],
            "missing_images": 2,
            "console_errors": 3,
            "failed_requests": [
                {"url": "https://cdn.example/a.jpg", "status": 404, "type": "image"},
                {"url": "https://cdn.example/b.jpg", "error": "connection_failed", "type": "image"},
            ],
        },
    )
    await maker.attempt(job, 1, "retried", begins=0.05, ends=2.0, error=("browser_unavailable", "it ended"))
    await maker.message(job)
    return job


class Maker:
    """Makes jobs as a worker would leave them."""

    def __init__(self, dashboard: Dashboard) -> None:
        self.database = dashboard.stage.database
        self.tenant_id = dashboard.stage.tenant_id
        self.store = Artifacts(StorageSettings(s3_endpoint_url=dashboard.stage.engines.s3_endpoint_url))

    async def accepted(self, *, ago: timedelta, **options: Any) -> Job:
        """A queued job that nobody takes. Its id is that of its time, so that lists have it at its place."""
        request = RenderRequest.model_validate(options)
        made = (await accept(self.database, VAULT, tenant_id=self.tenant_id, request=request)).job
        at = datetime.now(UTC) - ago
        own_id = UUID(int=(int(at.timestamp() * 1000) << 80) | (made.id.int & (2**80 - 1)))
        await self.database.execute(
            "UPDATE jobs SET id = $2, created_at = $3, queued_at = $3, secrets = NULL, content = NULL, "
            "sealed_fields = NULL WHERE id = $1",
            made.id,
            own_id,
            at,
        )
        found = await self.database.fetchval("SELECT id FROM jobs WHERE id = $1", own_id)
        assert found == own_id
        return Job(**{name: getattr(made, name) for name in Job.__slots__} | {"id": own_id, "created_at": at})

    async def picture(
        self,
        png: bytes,
        *,
        ago: timedelta,
        title: str,
        attempt: int = 1,
        warnings: list[str] | None = None,
        verdict: dict[str, Any] | None = None,
        **options: Any,
    ) -> Job:
        """A job that has succeeded with a picture."""
        job = await self.accepted(ago=ago, **options)
        key = artifact_key(self.tenant_id, job.id, attempt, job.created_at, "png")
        await self.store.put(key, png)
        width, height = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
        facts = {"content_type": "image/png", "width_px": width, "height_px": height}
        await self._end(
            job,
            "succeeded",
            attempt=attempt,
            key=key,
            artifact=facts | {"size_bytes": len(png), "sha256": hashlib.sha256(png).hexdigest()},
            title=title,
            warnings=warnings,
            verdict=verdict or _VERDICT,
        )
        return job

    async def other(self, content_type: str, *, ago: timedelta, **facts: Any) -> Job:
        """A job whose result is no small picture."""
        format_ = facts.pop("format", "png")
        body = f"# A page\n\n{HOSTILE}\n".encode() * 3
        job = await self.accepted(ago=ago, url=f"https://docs.example.com/{format_}", format=format_)
        key = artifact_key(self.tenant_id, job.id, 1, job.created_at, format_)
        await self.store.put(key, body)
        known = {
            "content_type": content_type,
            "size_bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        await self._end(job, "succeeded", key=key, artifact=known | facts, title="Words", verdict=_VERDICT)
        return job

    async def failed(self, error_type: str, detail: str, *, ago: timedelta, title: str | None = None) -> Job:
        """A job that has failed."""
        job = await self.accepted(ago=ago, url="https://broken.example/never?a=<b>")
        await self._end(job, "failed", error=(error_type, detail), title=title)
        return job

    async def _end(
        self,
        job: Job,
        state: str,
        *,
        attempt: int = 1,
        key: str | None = None,
        artifact: dict[str, Any] | None = None,
        title: str | None = None,
        warnings: list[str] | None = None,
        verdict: dict[str, Any] | None = None,
        error: tuple[str, str] = ("", ""),
    ) -> None:
        begun = job.created_at + timedelta(seconds=0.05 if attempt == 1 else 2.4)
        page = {"final_url": job.request.get("url"), "http_status": 200, "title": title, "language": "en"}
        await self.database.execute(
            _END,
            job.id,
            state,
            attempt,
            job.created_at,
            begun,
            begun + timedelta(milliseconds=760),
            key,
            artifact and json.dumps(artifact),
            json.dumps(page),
            json.dumps(_TIMINGS),
            verdict and json.dumps(verdict),
            json.dumps(warnings or []),
            error[0] or None,
            error[1] or None,
            uuid4(),
        )
        seconds = (begun - job.created_at).total_seconds()
        await self.attempt(job, attempt, state, begins=seconds, ends=seconds + 0.76, error=error)

    async def attempt(
        self,
        job: Job,
        number: int,
        outcome: str,
        *,
        begins: float,
        ends: float | None,
        error: tuple[str, str] = ("", ""),
    ) -> None:
        """An attempt, in seconds after the job was accepted."""
        await self.database.execute(
            _ATTEMPT,
            job.id,
            number,
            uuid4(),
            job.created_at + timedelta(seconds=begins),
            None if ends is None else job.created_at + timedelta(seconds=ends),
            None if ends is None else outcome,
            error[0] or None,
            error[1] or None,
        )

    async def message(self, job: Job) -> None:
        """A webhook that was delivered at the second attempt."""
        message_id = await self.database.fetchval("SELECT id FROM webhook_outbox WHERE job_id = $1", job.id)
        await self.database.execute(
            "UPDATE webhook_outbox SET state = 'delivered', attempt = 2, ended_at = now() WHERE id = $1",
            message_id,
        )
        sql = (
            "INSERT INTO webhook_attempts (message_id, attempt, at, status, duration_ms, error) "
            "VALUES ($1, $2, $3, $4, $5, $6)"
        )
        for number, seconds, status, error in ((1, 3.2, 503, "http_status"), (2, 9.0, 204, None)):
            at = job.created_at + timedelta(seconds=seconds)
            await self.database.execute(sql, message_id, number, at, status, 120.5, error)
