"""Compares the picture of a scheduled job with the last picture that was delivered.

An error here does not fail the job: a picture that cannot be compared counts as changed. So its owner may get
a webhook too many, but none too few. The new picture becomes the last delivered one when its job ends
(migration 0004).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.facts import ArtifactFacts
from fleet.schedules import schedule
from fleet.schedules.request import Method
from fleet.schedules.schedule import LastPicture
from fleet.telemetry.logs import get_logger
from worker.attempts import picture_diff
from worker.attempts.picture_diff import UndecodableError

T = TypeVar("T")

# Comparing the largest pictures takes two seconds. The rest is for other comparisons and a slow store.
_TIMEOUT_S: Final = 60.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Result of a comparison.

    Attributes:
        unchanged: whether the pictures are equal; None when there was nothing to compare.
        fingerprint: of the new picture, for the next comparison; None if the method does not use one.
        warnings: sentences for the job's owner.
    """

    unchanged: bool | None = None
    fingerprint: str | None = None
    warnings: tuple[str, ...] = ()


class Comparison:
    """Compares pictures in one thread: one comparison at a time, because each may need much memory."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="comparison")

    async def compare(self, path: Path, facts: ArtifactFacts, schedule_id: UUID | None) -> ComparisonResult:
        """Compare a new picture with the last one. Raises nothing, unless it is cancelled.

        Args:
            path: file of the new picture.
            facts: of its artifact.
            schedule_id: of the job; None: no schedule made the job, nothing is compared.
        """
        if schedule_id is None:
            return ComparisonResult()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                last = await schedule.last_picture(self._database, schedule_id)
                return ComparisonResult() if last is None else await self._compare_with(last, path, facts)
        except UndecodableError as error:
            log.warning("picture not compared, counts as changed", error=str(error))
            return ComparisonResult(unchanged=False, warnings=(f"compare: not compared, {error}",))
        except (UnavailableError, TimeoutError) as error:
            log.warning("picture not compared, counts as changed", error=repr(error))
        except Exception:
            log.exception("picture not compared, counts as changed")
        return ComparisonResult(unchanged=False, warnings=("compare: not compared; it counts as changed",))

    async def _compare_with(self, last: LastPicture, path: Path, facts: ArtifactFacts) -> ComparisonResult:
        if last.facts is not None and last.facts.sha256 == facts.sha256:
            return ComparisonResult(unchanged=True)
        if last.method is Method.PIXELS and last.threshold > 0:
            share = await self._share_of_differing_pixels(last, path, facts)
            return ComparisonResult(unchanged=share <= last.threshold)
        before = None if last.facts is None else last.facts.fingerprint
        if last.method is Method.PIXELS:
            fingerprint = await self._run(lambda: picture_diff.pixel_fingerprint(path))
            return ComparisonResult(before == fingerprint, fingerprint)
        fingerprint = await self._run(lambda: picture_diff.difference_hash(path))
        is_similar = (
            before is not None and picture_diff.hamming_distance(before, fingerprint) <= last.threshold
        )
        return ComparisonResult(is_similar, fingerprint)

    async def _share_of_differing_pixels(self, last: LastPicture, path: Path, facts: ArtifactFacts) -> float:
        """From 0 to 1; 1 when the last picture does not exist any more or has another size."""
        last_facts = last.facts
        if last_facts is None or last.key is None:
            return 1.0
        if (last_facts.width_px, last_facts.height_px) != (facts.width_px, facts.height_px):
            return 1.0
        last_path = path.with_name(f"{path.name}.last")
        try:
            await self._fetch(last.key, last_facts.size_bytes, last_path)
            return await self._run(lambda: picture_diff.share_of_differing_pixels(last_path, path))
        except ArtifactMissingError:
            log.info("the last picture was erased, the new one counts as changed")
            return 1.0
        finally:
            last_path.unlink(missing_ok=True)

    async def _fetch(self, key: str, size_bytes: int, path: Path) -> None:
        with path.open("wb") as file:
            async for piece in self._artifacts.read(key, first=0, last=size_bytes - 1):
                file.write(piece)

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def close(self) -> None:
        """Start no more comparisons. One that runs is not stopped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
