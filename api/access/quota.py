"""The limits on a tenant's queued jobs, and on its accepted jobs in a month.

Counting jobs for each POST would take longer the more jobs are queued. So a count is stored for a second, and
jobs that this process accepts in that second are added to it. Several API processes together may accept more
than the limit in that second.

A stored count may be too high, because jobs may have begun, ended or been cancelled since. So before a call
is refused, the jobs are counted again.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

from api.access.cached_lookup import Lookups
from api.http.problems import RefusedError
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.read import count_queued
from fleet.telemetry.metrics.of_api import LIMITED
from fleet.tenants import usage
from fleet.tenants.settings import TenantSettings
from fleet.tenants.tenant import Tenant

_CACHED_S: Final = 1.0
RETRY_AFTER_S: Final = 5


@dataclass(slots=True)
class _Count:
    """A count of jobs.

    Attributes:
        jobs: the counted jobs, and those that this process has admitted since.
        began_at: when the counting began, on the monotonic clock.
        left_s: seconds from then until the count starts from 0 again, because the month ends.
    """

    jobs: int
    began_at: float
    left_s: float = math.inf


@dataclass(frozen=True, slots=True)
class _Limit:
    """One limit of a tenant: at most `most` jobs. The count is in `counts`, under the key `name`."""

    most: int
    counts: Lookups[Any, _Count]
    name: object
    refusal: Callable[[_Count, int], RefusedError]


class _BeingStored:
    """Jobs of one tenant that are admitted and are being stored; a count may not contain them yet."""

    def __init__(self) -> None:
        self.calls: dict[asyncio.Event, int] = {}
        # Calls that may be refused count one after the other, so that the later ones can use the same count.
        self.counting = asyncio.Lock()

    @property
    def jobs(self) -> int:
        """How many jobs."""
        return sum(self.calls.values())

    async def stored(self) -> None:
        """Wait until all jobs that are being stored now are stored."""
        for call in tuple(self.calls):
            await call.wait()


class Quotas:
    """The counts of one API process."""

    def __init__(self, database: Database, settings: TenantSettings) -> None:
        """Remember nothing yet.

        Args:
            database: connections to Postgres.
            settings: for tenants without limits of their own.
        """
        self._database = database
        self._settings = settings
        # Calls at the same moment share one count, so that each sees the jobs that the others have added.
        self._queued = Lookups(self._count_queued, lifetime_s=_lifetime_s)
        self._accepted = Lookups(self._count_accepted, lifetime_s=_lifetime_s)
        self._admitted: WeakValueDictionary[UUID, _BeingStored] = WeakValueDictionary()

    @asynccontextmanager
    async def admitted(self, tenant: Tenant, *, jobs: int = 1) -> AsyncIterator[None]:
        """Check that the tenant may have so many more jobs, and count them. Store them in the block.

        Raises:
            RefusedError: quota_exceeded.
        """
        limits = self._limits_of(tenant)
        if not limits:
            yield
            return
        admitted = self._admitted.setdefault(tenant.id, _BeingStored())
        counts = [await limit.counts.get(limit.name) for limit in limits]
        # There is no `await` between reading the counts and adding to them, so no other call comes between.
        if not _fit(limits, counts, jobs):
            began_at = time.monotonic()
            async with admitted.counting:
                counts = [await _count_since(began_at, limit, admitted) for limit in limits]
                for limit, count in zip(limits, counts, strict=True):
                    if count.jobs + jobs > limit.most:
                        raise limit.refusal(count, limit.most)
        for count in counts:
            count.jobs += jobs
        stored = asyncio.Event()
        admitted.calls[stored] = jobs
        try:
            yield
        finally:
            del admitted.calls[stored]
            stored.set()

    def max_queued(self, tenant: Tenant) -> int | None:
        """How many queued jobs a tenant may have: its own limit, or else the setting's. None: no limit."""
        own = tenant.max_queued
        return self._settings.tenant_max_queued or None if own is None else own

    def max_renders_per_month(self, tenant: Tenant) -> int | None:
        """How many of a tenant's jobs may be accepted in a month; as `max_queued`."""
        own = tenant.max_renders_per_month
        return self._settings.tenant_max_renders_per_month or None if own is None else own

    def _limits_of(self, tenant: Tenant) -> list[_Limit]:
        """The limits of a tenant."""
        limits = []
        queued = self.max_queued(tenant)
        if queued is not None:
            limits.append(_Limit(queued, self._queued, (tenant.id, queued), _too_many_queued))
        month = self.max_renders_per_month(tenant)
        if month is not None:
            limits.append(_Limit(month, self._accepted, tenant.id, _too_many_this_month))
        return limits

    async def _count_queued(self, up_to: tuple[UUID, int]) -> _Count:
        tenant_id, limit = up_to
        count = self._new_count(tenant_id)
        count.jobs += await count_queued(self._database, tenant_id=tenant_id, limit=limit)
        return count

    async def _count_accepted(self, tenant_id: UUID) -> _Count:
        count = self._new_count(tenant_id)
        month = await usage.read(self._database, tenant_id)
        count.jobs += month.accepted
        count.left_s = month.left_s
        return count

    def _new_count(self, tenant_id: UUID) -> _Count:
        """A count that begins now, with the jobs that are being stored: Postgres may not count them yet."""
        admitted = self._admitted.get(tenant_id)
        return _Count(admitted.jobs if admitted is not None else 0, time.monotonic())


def _lifetime_s(count: _Count) -> float:
    return min(_CACHED_S, count.left_s)


def _fit(limits: Sequence[_Limit], counts: Sequence[_Count], jobs: int) -> bool:
    return all(count.jobs + jobs <= limit.most for limit, count in zip(limits, counts, strict=True))


async def _count_since(moment: float, limit: _Limit, admitted: _BeingStored) -> _Count:
    """The count of a limit that began at that moment or later."""
    count = await limit.counts.get(limit.name)
    if count.began_at >= moment:
        return count
    await admitted.stored()
    limit.counts.forget(limit.name)
    return await limit.counts.get(limit.name)


def _too_many_queued(count: _Count, most: int) -> RefusedError:
    # Jobs beyond the limit, which may be there since it was lowered, are not counted.
    amount = f"{count.jobs:,}" if count.jobs < most else f"{most:,} or more"
    return _refusal(
        "queued", f"you have {amount} queued jobs and may have {most:,}; wait until some begin", RETRY_AFTER_S
    )


def _too_many_this_month(count: _Count, most: int) -> RefusedError:
    left_s = count.left_s - (time.monotonic() - count.began_at)
    return _refusal(
        "month",
        f"{count.jobs:,} of your jobs were accepted this month (UTC) and {most:,} may be",
        max(1, math.ceil(left_s)),
    )


def _refusal(limit: str, detail: str, retry_after_s: int) -> RefusedError:
    LIMITED.labels(limit).inc()
    return RefusedError(ErrorType.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_after_s)})
