"""Whether the picture of a scheduled job equals the last one that was delivered.

Nothing here fails a job: what cannot be compared counts as changed, so that its owner is told too often
rather than never. The new picture becomes the last delivered one with the end of its job (migration 0004).
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

# The largest pictures take two seconds, one after the other; the rest is for a slow store.
_PATIENCE_S: Final = 60.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What came of a comparison.

    Attributes:
        unchanged: None when nothing is compared.
        fingerprint: of the new picture, for the next comparison, where the method has one.
        warnings: sentences for the job's owner.
    """

    unchanged: bool | None = None
    fingerprint: str | None = None
    warnings: tuple[str, ...] = ()


class Comparison:
    """One worker's comparisons, in a thread of their own: one at a time, since each may take much memory."""

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="comparison")

    async def judge(self, path: Path, facts: ArtifactFacts, schedule_id: UUID | None) -> ComparisonResult:
        """Compare a new picture. Raises nothing but being cancelled.

        Args:
            path: the new picture.
            facts: of its artifact.
            schedule_id: of the job; None for a job of its own.
        """
        if schedule_id is None:
            return ComparisonResult()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                last = await schedule.last_picture(self._database, schedule_id)
                return ComparisonResult() if last is None else await self._compare(path, facts, last)
        except UndecodableError as error:
            log.warning("picture not compared, counts as changed", error=str(error))
            return ComparisonResult(unchanged=False, warnings=(f"compare: not compared, {error}",))
        except (UnavailableError, TimeoutError) as error:
            log.warning("picture not compared, counts as changed", error=repr(error))
        except Exception:
            log.exception("picture not compared, counts as changed")
        return ComparisonResult(unchanged=False, warnings=("compare: not compared; it counts as changed",))

    async def _compare(self, path: Path, facts: ArtifactFacts, last: LastPicture) -> ComparisonResult:
        if last.facts is not None and last.facts.sha256 == facts.sha256:
            return ComparisonResult(unchanged=True)
        if last.method is Method.PIXELS and last.threshold > 0:
            return ComparisonResult(unchanged=await self._share(path, facts, last) <= last.threshold)
        before = None if last.facts is None else last.facts.fingerprint
        if last.method is Method.PIXELS:
            fingerprint = await self._run(lambda: picture_diff.pixel_fingerprint(path))
            return ComparisonResult(before == fingerprint, fingerprint)
        fingerprint = await self._run(lambda: picture_diff.difference_hash(path))
        is_near = before is not None and picture_diff.bits_apart(before, fingerprint) <= last.threshold
        return ComparisonResult(is_near, fingerprint)

    async def _share(self, path: Path, facts: ArtifactFacts, last: LastPicture) -> float:
        """Which share of the pixels differs from the last picture's; all of them when that is gone."""
        known = last.facts
        if known is None or last.key is None:
            return 1.0
        if (known.width_px, known.height_px) != (facts.width_px, facts.height_px):
            return 1.0
        last_path = path.with_name(f"{path.name}.last")
        try:
            await self._fetch(last.key, known.size_bytes, last_path)
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

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Begin no comparison any more; one that runs ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)
