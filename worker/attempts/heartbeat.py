"""What this worker holds, and the heartbeat that keeps it.

Every few seconds one UPDATE renews the leases of all attempts of this worker. What does not come back is no
longer ours (the lease ran out while we were frozen, and somebody else has it): its work is cancelled. So is
work whose owner wants it cancelled, and work whose job has expired.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.attempt import renew
from fleet.jobs.claim import JobAttempt
from fleet.telemetry.logs import get_logger

log = get_logger(__name__)


class Interruption(Enum):
    """Why the work of an attempt was cancelled from here."""

    LEASE_LOST = auto()
    CANCEL_REQUESTED = auto()
    EXPIRED = auto()


@dataclass(slots=True)
class Lease:
    """One attempt that this worker holds.

    Attributes:
        work: the task that renders; cancelling it does not touch the recording of its outcome.
        interruption: set before `work` is cancelled; None means that the worker is stopping.
    """

    work: asyncio.Task[Any]
    interruption: Interruption | None = None

    def interrupt(self, interruption: Interruption) -> None:
        """Cancel the work, saying why."""
        if not self.work.done() and self.interruption is None:
            self.interruption = interruption
            self.work.cancel()


class Heartbeat:
    """The attempts of this worker by `(job_id, attempt)`, renewed until they end."""

    def __init__(self, database: Database, *, lease: timedelta) -> None:
        self._database = database
        self._lease = lease
        self._held: dict[tuple[UUID, int], Lease] = {}

    @contextmanager
    def holding(self, attempt: JobAttempt, work: asyncio.Task[Any]) -> Iterator[Lease]:
        """Renew this attempt's lease for as long as the block runs."""
        lease = Lease(work)
        self._held[attempt.job_id, attempt.attempt] = lease
        expiry = None
        if attempt.expires_in_s is not None:
            loop = asyncio.get_running_loop()
            expiry = loop.call_later(attempt.expires_in_s, lease.interrupt, Interruption.EXPIRED)
        try:
            yield lease
        finally:
            del self._held[attempt.job_id, attempt.attempt]
            if expiry is not None:
                expiry.cancel()

    def cancel(self, job_id: UUID) -> None:
        """Cancel the work of this job's attempt, if it is one of ours."""
        for (held_id, _), lease in self._held.items():
            if held_id == job_id:
                lease.interrupt(Interruption.CANCEL_REQUESTED)

    async def beat(self) -> None:
        """Renew all leases once and cancel what was lost, or whose cancelling is wanted."""
        asked = dict(self._held)
        if not asked:
            return
        try:
            renewal = await renew(self._database, list(asked), lease=self._lease)
        except UnavailableError as error:
            log.warning("leases not renewed", held=len(asked), error=repr(error.__cause__))
            return
        for pair, lease in asked.items():
            if self._held.get(pair) is not lease or lease.work.done():
                continue  # ended while we asked
            if pair not in renewal.held:
                log.warning("lease lost", job_id=str(pair[0]), attempt=pair[1])
                lease.interrupt(Interruption.LEASE_LOST)
            elif pair in renewal.to_cancel:
                lease.interrupt(Interruption.CANCEL_REQUESTED)
