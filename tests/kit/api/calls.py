"""Calls that many tests of the API make."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from api.http.problems import MEDIA_TYPE
from fleet.artifacts.keys import artifact_key
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import ArtifactFacts, PageFacts
from fleet.jobs.job import State
from fleet.queue.entry import QueueEntry
from tests.kit.patience import PATIENCE_S

REQUEST = {"html": "<p>hello</p>"}
CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks of the store


async def enqueue(
    client: httpx.AsyncClient, request: Mapping[str, object] = REQUEST, /, **headers: str
) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json=request, headers=headers)
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


def problem(answer: httpx.Response, status: int, type_: ErrorType) -> dict[str, Any]:
    """The problem document of an answer; it must have this status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = answer.json()
    assert (document["type"], document["status"]) == (type_, status)
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


async def claim(pool: Database, job_id: str) -> JobAttempt:
    attempt = await claims.claim(
        pool, QueueEntry(UUID(job_id), 1), worker_id=uuid4(), lease=timedelta(seconds=60)
    )
    assert attempt is not None
    return attempt


async def fail(pool: Database, job_id: str) -> None:
    outcome = AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="certificate expired")
    assert await attempts.finish(pool, await claim(pool, job_id), outcome)


async def succeed(
    pool: Database,
    artifacts: Artifacts,
    folder: Path,
    job_id: str,
    *,
    content: bytes = CONTENT,
    content_type: str = "image/png",
    size: tuple[int, int] | None = (1280, 720),
) -> None:
    """End a job as a worker does, with `content` as its artifact."""
    attempt = await claim(pool, job_id)
    key = artifact_key(attempt.tenant_id, attempt.job_id, attempt.attempt, attempt.created_at, "png")
    path = folder / "artifact"
    path.write_bytes(content)
    await artifacts.upload(path, key, content_type=content_type)
    facts = ArtifactFacts(
        content_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width_px=None if size is None else size[0],
        height_px=None if size is None else size[1],
    )
    outcome = AttemptOutcome(
        State.SUCCEEDED,
        browser_generation=2,
        artifact_key=key,
        artifact=facts,
        page=PageFacts("https://example.com/", http_status=200, title="Example"),
        timings_ms={"queued": 1.5, "total": 99.0},
        warnings=["an image did not load"],
    )
    assert await attempts.finish(pool, attempt, outcome)


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the server offers no event for it
            await asyncio.sleep(0.01)
