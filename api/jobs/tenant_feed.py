"""The changes of all jobs of a tenant, for those who listen.

All listeners of a process share one query of Postgres a second, which asks for the latest changes of the jobs
of their tenants. Nothing is stored or announced for them when a job changes, and without a listener nothing
runs. So a listener also hears of what happened while Redis was away, and, if it says how far it has come,
while it was not connected.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from api.http.problems import RefusedError
from api.jobs.places import Place, Places
from api.jobs.waiters import LOOK_INTERVAL_S, repeat
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.changes import JobChange, changed_since, database_now
from fleet.tenants.tenant import Tenant

# A listener that comes back is told what has changed since, if it is no longer ago.
FURTHEST_BACK: Final = timedelta(minutes=15)
# A change may be committed so long after its time: DATABASE_TIMEOUT_S and some more. Each look reads the
# changes of so many seconds anew, and tells those that were not told.
_LATE: Final = timedelta(seconds=10)
# The newest changes of a tenant in one look, and those that wait for one slow listener. If there are more,
# listeners are told that they have missed some.
MOST_CHANGES: Final = 5_000
_MOST_LISTENERS_OF_TENANT: Final = 100


class Listener(Place):
    """One caller that listens to a tenant's jobs. Make it with `TenantFeed.listen`.

    Attributes:
        is_new: whether it listens from now on, and not from an earlier time.
        began_at: when it began to listen, by the clock of the database.
        has_missed: whether changes were left out. Whoever has told the caller sets it to False.
    """

    __slots__ = ("_waiting", "began_at", "has_missed", "is_new")

    def __init__(self, *, is_new: bool) -> None:
        super().__init__()
        self.is_new = is_new
        self.began_at = datetime.min.replace(tzinfo=UTC)
        self.has_missed = False
        self._waiting: dict[UUID, JobChange] = {}

    def tell(self, changes: Sequence[JobChange]) -> None:
        """Store changes, of each job the latest one, and wake the caller."""
        if not changes:
            return
        self._waiting.update({change.id: change for change in changes})
        if len(self._waiting) > MOST_CHANGES:
            self._waiting.clear()
            self.has_missed = True
        self.wake()

    def miss(self) -> None:
        """Note that changes were left out, and wake the caller."""
        self.has_missed = True
        self.wake()

    def take(self) -> list[JobChange]:
        """The changes that were stored since the last time, the oldest first."""
        taken, self._waiting = self._waiting, {}
        return sorted(taken.values(), key=lambda change: change.at)


@dataclass(slots=True)
class _HeardTenant:
    """A tenant with listeners.

    Attributes:
        floor: what happened before this time is not told.
        told: the changes since the last look, and `_LATE` before it, by job: their times.
    """

    floor: datetime
    told: dict[UUID, datetime]
    listeners: set[Listener] = field(default_factory=set)

    def hear(self, changes: Sequence[JobChange], *, is_cut: bool) -> None:
        """Tell the listeners what they were not told."""
        new = [one for one in changes if one.at > self.floor and self.told.get(one.id) != one.at]
        self.told.update({one.id: one.at for one in new})
        for listener in self.listeners:
            if is_cut and new:
                listener.miss()
            listener.tell(new)

    def forget(self, before: datetime) -> None:
        """Forget changes that no look reads any more."""
        self.told = {job_id: at for job_id, at in self.told.items() if at > before}


class TenantFeed:
    """All listeners of this process. `open` once, `close` at the end."""

    def __init__(self, database: Database, places: Places) -> None:
        """Ask for nothing yet.

        Args:
            database: connections to Postgres.
            places: each listener takes one, and loses it when its key does not work any more.
        """
        self._database = database
        self._places = places
        self._heard: dict[UUID, _HeardTenant] = {}
        self._looked_at: datetime | None = None
        self._has_listeners = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Look each second from now on, if anybody listens."""
        self._task = asyncio.create_task(repeat(self._look, "looking for changes of listeners' jobs"))

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @asynccontextmanager
    async def listen(self, tenant: Tenant, *, since: datetime | None) -> AsyncIterator[Listener]:
        """Listen to this tenant's jobs, from now on or from an earlier time.

        Args:
            tenant: whose; the listener ends as soon as its key does not work any more.
            since: by the clock of the database. What is longer ago than `FURTHEST_BACK` is missed.

        Raises:
            RefusedError: too_many_waiters.
            UnavailableError: Postgres does not answer.
        """
        listener = Listener(is_new=since is None)
        heard = self._heard.get(tenant.id)
        is_full = heard is not None and len(heard.listeners) >= _MOST_LISTENERS_OF_TENANT
        with self._places.taken(listener, tenant, kind="tenant_events") as is_taken:
            if is_full or not is_taken:
                raise RefusedError(
                    ErrorType.TOO_MANY_WAITERS,
                    "too many callers follow events at this server; list the jobs, or try again later",
                )
            listener.began_at = await database_now(self._database)
            heard = await self._heard_tenant(tenant.id, listener.began_at)
            heard.listeners.add(listener)
            self._has_listeners.set()
            try:
                if since is not None:
                    await self._tell_past(listener, tenant.id, since)
                yield listener
            finally:
                heard.listeners.remove(listener)
                if not heard.listeners and self._heard.get(tenant.id) is heard:
                    del self._heard[tenant.id]
                if not self._heard:
                    self._has_listeners.clear()

    async def _heard_tenant(self, tenant_id: UUID, now: datetime) -> _HeardTenant:
        """The tenant, in a state in which all that is committed from now on is news."""
        floor = now - _LATE
        known = await changed_since(self._database, [tenant_id], floor, limit=MOST_CHANGES)
        # Another listener may have come meanwhile.
        return self._heard.setdefault(
            tenant_id, _HeardTenant(floor, {change.id: change.at for change in known})
        )

    async def _tell_past(self, listener: Listener, tenant_id: UUID, since: datetime) -> None:
        if since < listener.began_at - FURTHEST_BACK:
            listener.miss()
            return
        past = await changed_since(self._database, [tenant_id], since - _LATE, limit=MOST_CHANGES)
        if len(past) == MOST_CHANGES:
            listener.miss()
        listener.tell(past)

    async def _look(self) -> None:
        await self._has_listeners.wait()
        await asyncio.sleep(LOOK_INTERVAL_S)
        # Postgres may have been away, and keys may have ended since.
        await self._places.check_keys_after(2 * LOOK_INTERVAL_S)
        heard = dict(self._heard)
        if not heard:
            return
        now = await database_now(self._database)
        since = self._since(now, heard)
        found: dict[UUID, list[JobChange]] = {tenant_id: [] for tenant_id in heard}
        for change in await changed_since(self._database, list(heard), since, limit=MOST_CHANGES):
            found[change.tenant_id].append(change)
        for tenant_id, changes in found.items():
            heard[tenant_id].hear(changes, is_cut=len(changes) == MOST_CHANGES)
            heard[tenant_id].forget(now - _LATE)
        self._looked_at = now

    def _since(self, now: datetime, heard: dict[UUID, _HeardTenant]) -> datetime:
        """From when on changes may not have been told to all of these."""
        looked_at = min(now, self._looked_at or now) - _LATE
        since = max(looked_at, min(tenant.floor for tenant in heard.values()))
        furthest = now - FURTHEST_BACK
        if since < furthest:
            for tenant in heard.values():
                for listener in tenant.listeners:
                    listener.miss()
        return max(since, furthest)
