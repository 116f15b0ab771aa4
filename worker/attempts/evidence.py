"""Evidence of attempts: recorded with the page, packed and stored when it is known how the attempt ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet import VERSION
from fleet.artifacts.keys import EVIDENCE, artifact_key
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.database import Database
from fleet.errors import ErrorType, RenderError, UnavailableError
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import EvidenceFacts
from fleet.jobs.files.evidence import CONTENT_TYPE, replay_problem
from fleet.jobs.read import get
from fleet.render.request import RenderRequest
from fleet.telemetry.logs import get_logger
from worker.browser.page import Page
from worker.render.evidence.recorder import Ended, Recorder
from worker.render.evidence.replay import Replay
from worker.render.evidence.traffic import EvidenceLimits

# A store that does not answer must not hold the slot for the evidence of a job that has failed anyway.
_STORE_TIMEOUT_S: Final = 15.0
_NOT_STORED: Final = "evidence: it could not be stored"

log = get_logger(__name__)


@dataclass(slots=True)
class AttemptEvidence:
    """The evidence of one attempt that asked for it.

    Attributes:
        recorder: what it is made of.
        key: under which it is stored.
        path: of the zip file, until it is stored.
    """

    recorder: Recorder
    key: str
    path: Path
    artifacts: Artifacts

    async def keep(self, ended: Ended) -> EvidenceFacts | None:
        """Pack and store it. None: that was not possible, which is no reason for a job to fail."""
        try:
            async with asyncio.timeout(_STORE_TIMEOUT_S):
                facts = await asyncio.to_thread(self.recorder.pack, self.path, self.key, ended)
                await self.artifacts.upload(self.path, self.key, content_type=CONTENT_TYPE)
                return facts
        except (OSError, TimeoutError, UnavailableError) as error:
            log.warning("evidence not stored", error=repr(error))
            return None
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove all of it from the disk."""
        self.recorder.discard()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class EvidenceKeeper:
    """Makes the evidence of attempts, and reads that of other jobs for replays."""

    database: Database
    artifacts: Artifacts
    folder: Path
    limits: EvidenceLimits

    def of(self, attempt: JobAttempt, request: RenderRequest, page: Page) -> AttemptEvidence | None:
        """The evidence of an attempt; None: none is wanted."""
        if request.evidence is None:
            return None
        name = f"{attempt.job_id}-{attempt.attempt}"
        summary: dict[str, Any] = {
            "job_id": str(attempt.job_id),
            "attempt": attempt.attempt,
            "replay_of": None if attempt.replay_of is None else str(attempt.replay_of),
            "versions": {"renderfleet": VERSION},
        }
        recorder = Recorder(
            page,
            request,
            self.folder / f"{name}.evidence",
            self.limits,
            public_request=json.loads(attempt.request.public_json),
            summary=summary,
        )
        key = artifact_key(attempt.tenant_id, attempt.job_id, attempt.attempt, attempt.created_at, EVIDENCE)
        return AttemptEvidence(recorder, key, self.folder / f"{name}.{EVIDENCE}", self.artifacts)

    @asynccontextmanager
    async def replay_of(self, attempt: JobAttempt) -> AsyncIterator[Replay | None]:
        """The recording that an attempt is rendered from; None: it is rendered from the web.

        Raises:
            RenderError: `not_replayable`: there is none any more.
            UnavailableError: Postgres or the store does not answer.
        """
        if attempt.replay_of is None:
            yield None
            return
        path = self.folder / f"{attempt.job_id}-{attempt.attempt}.replay"
        try:
            await self._fetch(attempt, path)
            replay = await asyncio.to_thread(Replay.read, path)
            try:
                yield replay
            finally:
                replay.close()
        finally:
            path.unlink(missing_ok=True)

    async def _fetch(self, attempt: JobAttempt, path: Path) -> None:
        assert attempt.replay_of is not None, "the caller has checked it"  # noqa: S101
        job = await get(self.database, job_id=attempt.replay_of, tenant_id=attempt.tenant_id)
        problem = "that job is forgotten" if job is None else replay_problem(job)
        if problem is not None or job is None or job.evidence is None:
            raise RenderError(ErrorType.NOT_REPLAYABLE, problem or "it has no evidence")
        try:
            await self.artifacts.download(job.evidence.key, path, size_bytes=job.evidence.size_bytes)
        except ArtifactMissingError as error:
            raise RenderError(ErrorType.NOT_REPLAYABLE, "its evidence was erased") from error


@asynccontextmanager
async def recorded(evidence: AttemptEvidence | None, deadline: asyncio.Timeout) -> AsyncIterator[None]:
    """Take what only the living page can tell, at the end of the block, also after an error.

    Nothing is taken when the job is cancelled or its worker stops: then nobody waits for it.

    Args:
        evidence: of the attempt.
        deadline: of the attempt; when it has ended the block, some seconds more are taken.
    """
    try:
        yield
    except asyncio.CancelledError:
        if evidence is not None and deadline.expired():
            await evidence.recorder.end()
        raise
    except Exception:
        if evidence is not None:
            # The error of the render is what the caller has to hear of.
            with suppress(Exception):
                await evidence.recorder.end()
        raise
    if evidence is not None:
        await evidence.recorder.end()


def warning(evidence: AttemptEvidence | None, facts: EvidenceFacts | None) -> list[str]:
    """A sentence for the caller if there is no evidence although it was asked for, or not all of it."""
    if evidence is None:
        return []
    if facts is None:
        return [_NOT_STORED]
    return [f"evidence: it is cut: {'; '.join(facts.left_out)}"] if facts.left_out else []
