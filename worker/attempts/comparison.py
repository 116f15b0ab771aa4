"""Compares the picture of a scheduled job with the last picture that was delivered.

An error here does not fail the job: a picture that cannot be compared counts as changed. So its owner may get
a webhook too many, but none too few. The new picture becomes the last delivered one when its job ends
(migration 0004).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fleet.artifacts.keys import job_of_artifact
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.comparisons import rows
from fleet.comparisons.document import ComparisonDocument, answer_of
from fleet.comparisons.rows import PictureOfJob
from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import ArtifactFacts
from fleet.pictures.compare import Compared, IncomparableError, compare, fingerprint, hash_distance
from fleet.pictures.options import Region
from fleet.schedules import schedule
from fleet.schedules.request import CompareOptions
from fleet.schedules.schedule import LastPicture
from fleet.telemetry.logs import get_logger

# Comparing the largest pictures takes some seconds. The rest is for other comparisons and a slow store.
_TIMEOUT_S: Final = 60.0
# What is said of two files of the same bytes.
_SAME: Final[dict[str, Any]] = {
    "share": 0.0,
    "differing_share": 0.0,
    "perceptual": 0,
    "sizes_differ": False,
    "boxes": [],
    "difference": None,
}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Result of a comparison.

    Attributes:
        unchanged: whether the pictures are equal; None when there was nothing to compare.
        fingerprint: of the new picture, for the next comparison; None if none will be needed.
        comparison: how they differ, for the job document; None: there was nothing to compare with.
        warnings: sentences for the job's owner.
    """

    unchanged: bool | None = None
    fingerprint: str | None = None
    comparison: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture that was just made.

    Attributes:
        path: its file.
        facts: its artifact, with the elements that are to be ignored.
        attempt: at the job that made it.
    """

    path: Path
    facts: ArtifactFacts
    attempt: JobAttempt

    def ignored(self, last: LastPicture) -> list[Region]:
        """Where nothing counts: regions of the schedule, and elements of this and of the last picture."""
        boxes = [*(self.facts.ignored or ()), *((last.facts and last.facts.ignored) or ())]
        elements = [
            Region(x=left, y=top, width=right - left, height=bottom - top)
            for left, top, right, bottom in boxes
        ]
        return [*last.compare.ignore_regions, *elements]


class Comparison:
    """Compares pictures one at a time, because each comparison may need much memory."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts
        self._turn = asyncio.Lock()

    async def ignored_selectors(self, schedule_id: UUID | None) -> Sequence[str]:
        """Selectors of elements that do not count, to be found while the page is there.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        if schedule_id is None:
            return ()
        options = await schedule.compare_options(self._database, schedule_id)
        return () if options is None else options.ignore_selectors

    async def compare(self, path: Path, facts: ArtifactFacts, attempt: JobAttempt) -> ComparisonResult:
        """Compare a new picture with the last one. Raises nothing, unless it is cancelled.

        Args:
            path: file of the new picture.
            facts: of its artifact.
            attempt: at the job that made it. If no schedule made the job, nothing is compared.
        """
        if attempt.schedule_id is None:
            return ComparisonResult()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                last = await schedule.last_picture(self._database, attempt.schedule_id)
                if last is None:
                    return ComparisonResult()
                return await self._compare_with(last, NewPicture(path, facts, attempt))
        except IncomparableError as error:
            log.warning("picture not compared, counts as changed", error=str(error))
            return ComparisonResult(unchanged=False, warnings=(f"compare: not compared, {error}",))
        except (UnavailableError, TimeoutError) as error:
            log.warning("picture not compared, counts as changed", error=repr(error))
        except Exception:
            log.exception("picture not compared, counts as changed")
        return ComparisonResult(unchanged=False, warnings=("compare: not compared; it counts as changed",))

    async def _compare_with(self, last: LastPicture, new: NewPicture) -> ComparisonResult:
        options = last.compare
        if last.facts is None or last.key is None:
            first = await fingerprint(
                await asyncio.to_thread(new.path.read_bytes), method=options.method, ignored=new.ignored(last)
            )
            return ComparisonResult(unchanged=False, fingerprint=first)
        last_job = job_of_artifact(last.key)
        if last.facts.sha256 == new.facts.sha256:
            return _result(ComparisonDocument.of(_SAME, options, with_id=last_job))
        try:
            before = await self._read(last.key, last.facts.size_bytes)
        except ArtifactMissingError:
            return await self._compare_fingerprints(last.facts, options, new, ignored=new.ignored(last))
        ignored = new.ignored(last)
        async with self._turn:
            compared = await compare(
                before,
                await asyncio.to_thread(new.path.read_bytes),
                method=options.method,
                ignored=ignored,
                takes_fingerprint=True,
            )
        document = ComparisonDocument.of(answer_of(compared), options, with_id=last_job)
        key = None
        if not document.equal and compared.image:
            asked = (
                PictureOfJob(last_job, last.facts.sha256),
                PictureOfJob(new.attempt.job_id, new.facts.sha256),
            )
            question = rows.question_of(*asked, method=options.method, ignored=ignored)
            key = await self._store(compared, new.attempt, last_job, question)
        return _result(document, key, compared.fingerprint)

    async def _compare_fingerprints(
        self, last: ArtifactFacts, options: CompareOptions, new: NewPicture, *, ignored: Sequence[Region]
    ) -> ComparisonResult:
        """Compare with a picture that was erased. What is left of it tells less than the picture."""
        log.info("the last picture was erased, only its fingerprint is compared")
        picture = await asyncio.to_thread(new.path.read_bytes)
        after = await fingerprint(picture, method=options.method, ignored=ignored)
        before = last.fingerprint or ""
        bits = hash_distance(before, after)
        is_equal = before == after if bits is None else bits <= options.limit
        document = ComparisonDocument(
            compared_with=None,
            method=options.method,
            threshold=options.limit,
            equal=is_equal,
            distance=bits,
            perceptual=bits,
        )
        return _result(document, fingerprint=after)

    async def _store(
        self, compared: Compared, attempt: JobAttempt, last_job: UUID, question: bytes
    ) -> str | None:
        """Store the difference picture. None: an artifact was erased, so it would have to go, too."""
        pair = {"job_id": attempt.job_id, "with_id": last_job}
        row = await rows.begin(self._database, tenant_id=attempt.tenant_id, question=question, **pair)
        if row is None:
            return None
        await self._artifacts.put(row.picture_key, compared.image)
        if await rows.finish(self._database, row, answer=answer_of(compared), **pair):
            return row.picture_key
        await self._artifacts.delete(row.picture_key)
        return None

    async def _read(self, key: str, size_bytes: int) -> bytes:
        return b"".join([piece async for piece in self._artifacts.read(key, first=0, last=size_bytes - 1)])


def _result(
    document: ComparisonDocument, key: str | None = None, fingerprint: str | None = None
) -> ComparisonResult:
    found = document.model_dump(mode="json") | {"difference_key": key}
    if key is None:
        found["difference"] = None
    return ComparisonResult(unchanged=document.equal, fingerprint=fingerprint, comparison=found)
