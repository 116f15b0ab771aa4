"""Erases artifacts, uploaded files, leftovers of attempts and uploads, and rows of old jobs and batches.

Every worker does this, at intervals with jitter. One step erases a limited number of rows in a transaction of
its own, and the next step follows at once, until nothing more is due.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from fleet.artifacts.store import Artifacts
from fleet.bundles.rows import erase_due
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
from fleet.telemetry.metrics.of_worker import ERASED

# Rows of one step: one or two calls of DeleteObjects, each with 1,000 keys at most, and milliseconds of SQL.
_ROWS_PER_STEP: Final = 250
# Each may have 64 objects in the store.
_BUNDLES_PER_STEP: Final = 50
# So long after its end no worker uploads for the attempt any more: the worker has ended, or knows that the
# attempt has.
_ORPHAN_AGE: Final = timedelta(hours=1)
# Longer than an attempt can take.
_UPLOAD_AGE: Final = timedelta(days=1)
# Stores charge for listing. Once an hour is 24 calls a day for each worker, however many jobs there are.
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
        rows_per_step: int = _ROWS_PER_STEP,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._history = history
        self._orphan_age = orphan_age
        self._upload_age = upload_age
        self._rows_per_step = rows_per_step
        self._uploads_due_at = 0.0

    async def erase(self) -> None:
        """Erase all that is due. Where the database or the store does not answer, the next call does it."""
        # Deleting rows needs no store, so it comes first. A job erased now loses its row with the next call.
        for step in (
            self._forget_batches,
            self._forget_jobs,
            self._erase_artifacts,
            self._erase_bundles,
            self._erase_orphans,
            self._abort_uploads,
        ):
            try:
                await step()
            except UnavailableError as error:
                log.warning("erasing postponed", step=step.__name__.strip("_"), error=repr(error.__cause__))

    async def _forget_batches(self) -> None:
        await self._forget("batch", forget_batches)

    async def _forget_jobs(self) -> None:
        await self._forget("job", forget_jobs)

    async def _forget(self, what: str, forget: Callable[..., Awaitable[int]]) -> None:
        count = self._rows_per_step
        while count == self._rows_per_step:
            count = await forget(self._database, history=self._history, limit=self._rows_per_step)
            ERASED.labels(what).inc(count)

    async def _erase_artifacts(self) -> None:
        await self._walk(
            "artifact",
            lambda cursor: erase_artifacts(
                self._database, cursor, delete=self._artifacts.delete_many, limit=self._rows_per_step
            ),
        )

    async def _erase_bundles(self) -> None:
        refused: list[UUID] = []
        looked_at = _BUNDLES_PER_STEP
        while looked_at == _BUNDLES_PER_STEP:
            looked_at, erased, more = await erase_due(
                self._database, delete=self._artifacts.delete_many, limit=_BUNDLES_PER_STEP, refused=refused
            )
            ERASED.labels("bundle").inc(erased)
            refused += more
        if refused:
            log.warning(
                "the store did not delete everything that is to be erased", of="bundle", rows=len(refused)
            )

    async def _erase_orphans(self) -> None:
        await self._walk(
            "attempt",
            lambda cursor: erase_orphans(
                self._database,
                cursor,
                age=self._orphan_age,
                delete=self._artifacts.delete_many,
                limit=self._rows_per_step,
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
            log.warning("the store did not delete everything that is to be erased", of=what, rows=refused)
        if erased:
            log.info("erased", of=what, rows=erased)

    async def _abort_uploads(self) -> None:
        if time.monotonic() < self._uploads_due_at:
            return
        self._uploads_due_at = time.monotonic() + _UPLOADS_INTERVAL_S
        ERASED.labels("upload").inc(await self._artifacts.abort_uploads(age=self._upload_age))
