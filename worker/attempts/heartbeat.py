"""Renews the leases of the attempts that this worker runs.

Every few seconds one UPDATE renews all of them and returns those that this worker still has. An attempt that
is missing there was lost: its lease ran out, for example because this process was paused, and another worker
has the job. The work of a lost attempt is cancelled. So is the work of a job that its owner has cancelled, or
that has expired.
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
from fleet.jobs.attempts.attempt import renew
from fleet.jobs.attempts.claim import JobAttempt
from fleet.telemetry.logs import get_logger

log = get_logger(__name__)


class Interruption(Enum):
    """Why the heartbeat cancelled the work of an attempt."""

    LEASE_LOST = auto()
    CANCEL_REQUESTED = auto()
    EXPIRED = auto()


@dataclass(slots=True)
class Lease:
    """The lease of one attempt that this worker runs.

    Attributes:
        work: the task that renders. The outcome is recorded outside of it, so it may always be cancelled.
        interruption: set before `work` is cancelled; None while nothing cancelled it, or if the worker stops.
    """

    work: asyncio.Task[Any]
    interruption: Interruption | None = None

    def interrupt(self, interruption: Interruption) -> None:
        """Cancel the work for this reason, unless it was interrupted or has ended before."""
        if not self.work.done() and self.interruption is None:
            self.interruption = interruption
            self.work.cancel()


class Heartbeat:
    """Knows the attempts of this worker by `(job_id, attempt)`, and renews their leases until they end."""

    def __init__(self, database: Database, *, lease: timedelta) -> None:
        self._database = database
        self._lease = lease
        self._held: dict[tuple[UUID, int], Lease] = {}

    @contextmanager
    def holding(self, attempt: JobAttempt, work: asyncio.Task[Any]) -> Iterator[Lease]:
        """Renew the lease of this attempt while the block runs."""
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
        """Cancel the work for this job, if this worker has it."""
        for (held_id, _), lease in self._held.items():
            if held_id == job_id:
                lease.interrupt(Interruption.CANCEL_REQUESTED)

    async def beat(self) -> None:
        """Renew all leases once. Cancel the work of lost attempts and of jobs that are to be cancelled."""
        leases = dict(self._held)
        if not leases:
            return
        try:
            renewal = await renew(self._database, list(leases), lease=self._lease)
        except UnavailableError as error:
            log.warning("leases not renewed", held=len(leases), error=repr(error.__cause__))
            return
        for pair, lease in leases.items():
            if self._held.get(pair) is not lease or lease.work.done():
                continue  # it ended during the UPDATE
            if pair not in renewal.held:
                log.warning("lease lost", job_id=str(pair[0]), attempt=pair[1])
                lease.interrupt(Interruption.LEASE_LOST)
            elif pair in renewal.to_cancel:
                lease.interrupt(Interruption.CANCEL_REQUESTED)
