"""Erases what is old enough: artifacts, orphans, unfinished uploads, rows.

Every worker does it, each at its own jittered pace. However much is due, one step is a page of it in a
transaction of its own, and the next step follows at once.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.erase import (
    START,
    EraseCursor,
    EraseStep,
    erase_artifacts,
    erase_orphans,
    forget_batches,
    forget_jobs,
)
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import ERASED

# A step is one or two DeleteObjects, of 1,000 keys at most, and some milliseconds of SQL.
_AT_ONCE: Final = 250
# An attempt whose end is this old has a worker that is gone, or that has noticed.
_ORPHAN_AGE: Final = timedelta(hours=1)
# Longer than any attempt can take.
_UPLOAD_AGE: Final = timedelta(days=1)
# Listing is what a store charges for. Once an hour is 24 requests a day and worker, however many jobs.
_UPLOADS_INTERVAL_S: Final = 3600.0

log = get_logger(__name__)


class Eraser:
    """One worker's share of the erasing."""

    def __init__(
        self,
        database: Database,
        artifacts: Artifacts,
        *,
        history: timedelta,
        orphan_age: timedelta = _ORPHAN_AGE,
        upload_age: timedelta = _UPLOAD_AGE,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._history = history
        self._orphan_age = orphan_age
        self._upload_age = upload_age
        self._at_once = at_once
        self._uploads_due_at = 0.0

    async def erase(self) -> None:
        """Erase all that is due. A database or a store that is away is logged and left for the next time."""
        # Rows need no store; what was erased just now is forgotten with the next look.
        for act in (
            self._forget_batches,
            self._forget_jobs,
            self._erase_artifacts,
            self._erase_orphans,
            self._abort_uploads,
        ):
            try:
                await act()
            except UnavailableError as error:
                log.warning("erasing put off", of=act.__name__.strip("_"), error=repr(error.__cause__))

    async def _forget_batches(self) -> None:
        await self._forget("batch", forget_batches)

    async def _forget_jobs(self) -> None:
        await self._forget("job", forget_jobs)

    async def _forget(self, what: str, forget: Callable[..., Awaitable[int]]) -> None:
        count = self._at_once
        while count == self._at_once:
            count = await forget(self._database, history=self._history, limit=self._at_once)
            ERASED.labels(what).inc(count)

    async def _erase_artifacts(self) -> None:
        await self._walk(
            "artifact",
            lambda cursor: erase_artifacts(
                self._database, cursor, delete=self._artifacts.delete_many, limit=self._at_once
            ),
        )

    async def _erase_orphans(self) -> None:
        await self._walk(
            "attempt",
            lambda cursor: erase_orphans(
                self._database,
                cursor,
                age=self._orphan_age,
                delete=self._artifacts.delete_many,
                limit=self._at_once,
            ),
        )

    async def _walk(self, what: str, step: Callable[[EraseCursor], Awaitable[EraseStep]]) -> None:
        cursor: EraseCursor | None = START
        erased = refused = 0
        while cursor is not None:
            done = await step(cursor)
            ERASED.labels(what).inc(done.erased)
            erased, refused, cursor = erased + done.erased, refused + done.refused, done.next
        if refused:
            log.warning("the store keeps what is to be erased", of=what, rows=refused)
        if erased:
            log.info("erased", of=what, rows=erased)

    async def _abort_uploads(self) -> None:
        if time.monotonic() < self._uploads_due_at:
            return
        self._uploads_due_at = time.monotonic() + _UPLOADS_INTERVAL_S
        ERASED.labels("upload").inc(await self._artifacts.abort_uploads(age=self._upload_age))
