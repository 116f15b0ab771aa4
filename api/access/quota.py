"""How many queued jobs a tenant may have, and how many it may have accepted in a month.

Counting them anew for each POST would make a POST as slow as the backlog is long. So a count is remembered
for a second, and what this process accepts meanwhile is added: several API processes together may accept more
than the limit within that second.

What is remembered only ever accepts. It does not know of jobs that have begun, ended or were cancelled within
its second, so before a call is refused the jobs are counted anew: a refusal is true when it is said.
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
from fleet.telemetry.metrics import LIMITED
from fleet.tenants import usage
from fleet.tenants.settings import TenantSettings
from fleet.tenants.tenant import Tenant

_FRESH_S: Final = 1.0
RETRY_AFTER_S: Final = 5


@dataclass(slots=True)
class _Count:
    """So many jobs at a time.

    Attributes:
        jobs: as many, and those that this process has admitted since.
        began_at: when the count began, on the monotonic clock.
        left_s: seconds from then until it begins from 0 again.
    """

    jobs: int
    began_at: float
    left_s: float = math.inf


@dataclass(frozen=True, slots=True)
class _Limit:
    """One limit of a tenant: as many jobs as `most`, by the counts that `counts` remembers under `name`."""

    most: int
    counts: Lookups[Any, _Count]
    name: object
    refusal: Callable[[_Count, int], RefusedError]


class _Admitted:
    """What this process stores at the moment for one tenant: admitted, and perhaps not yet to be counted."""

    def __init__(self) -> None:
        self.calls: dict[asyncio.Event, int] = {}
        # Of calls that are about to be refused each waits for the count of the one before, and shares it.
        self.counting = asyncio.Lock()

    @property
    def jobs(self) -> int:
        """How many jobs."""
        return sum(self.calls.values())

    async def stored(self) -> None:
        """Wait until all that is being stored now is."""
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
        # Of calls at the same moment, each with a count of its own would know nothing of what the others add.
        self._queued = Lookups(self._count_queued, lifetime_s=_lifetime_s)
        self._months = Lookups(self._count_accepted, lifetime_s=_lifetime_s)
        self._admitted: WeakValueDictionary[UUID, _Admitted] = WeakValueDictionary()

    @asynccontextmanager
    async def admitted(self, tenant: Tenant, *, jobs: int = 1) -> AsyncIterator[None]:
        """A block that stores so many jobs, if the tenant may have as many more; they count from now on.

        Raises:
            RefusedError: quota_exceeded.
        """
        limits = self._limits_of(tenant)
        if not limits:
            yield
            return
        admitted = self._admitted.setdefault(tenant.id, _Admitted())
        counts = [await limit.counts.get(limit.name) for limit in limits]
        # No wait between a look at the counts and adding to them: of calls at the same moment each sees what
        # those before it have added.
        if not _fit(limits, counts, jobs):
            began_at = time.monotonic()
            async with admitted.counting:
                counts = [await _counted_since(began_at, limit, admitted) for limit in limits]
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

    def _limits_of(self, tenant: Tenant) -> list[_Limit]:
        """Those that the tenant has: its own, or else the setting's, of which 0 is none."""
        limits = []
        queued = self._settings.tenant_max_queued or None if tenant.max_queued is None else tenant.max_queued
        if queued is not None:
            limits.append(_Limit(queued, self._queued, (tenant.id, queued), _too_many_queued))
        own = tenant.max_renders_per_month
        month = self._settings.tenant_max_renders_per_month or None if own is None else own
        if month is not None:
            limits.append(_Limit(month, self._months, tenant.id, _too_many_this_month))
        return limits

    async def _count_queued(self, up_to: tuple[UUID, int]) -> _Count:
        tenant_id, limit = up_to
        count = self._begun(tenant_id)
        count.jobs += await count_queued(self._database, tenant_id=tenant_id, limit=limit)
        return count

    async def _count_accepted(self, tenant_id: UUID) -> _Count:
        count = self._begun(tenant_id)
        month = await usage.read(self._database, tenant_id)
        count.jobs += month.accepted
        count.left_s = month.left_s
        return count

    def _begun(self, tenant_id: UUID) -> _Count:
        """A count that begins now. What is being stored is counted, whether or not Postgres shows it yet."""
        admitted = self._admitted.get(tenant_id)
        return _Count(admitted.jobs if admitted is not None else 0, time.monotonic())


def _lifetime_s(count: _Count) -> float:
    return min(_FRESH_S, count.left_s)


def _fit(limits: Sequence[_Limit], counts: Sequence[_Count], jobs: int) -> bool:
    return all(count.jobs + jobs <= limit.most for limit, count in zip(limits, counts, strict=True))


async def _counted_since(moment: float, limit: _Limit, admitted: _Admitted) -> _Count:
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
    return _exceeded(
        "queued", f"you have {amount} queued jobs and may have {most:,}; wait until some begin", RETRY_AFTER_S
    )


def _too_many_this_month(count: _Count, most: int) -> RefusedError:
    left_s = count.left_s - (time.monotonic() - count.began_at)
    return _exceeded(
        "month",
        f"{count.jobs:,} of your jobs were accepted this month (UTC) and {most:,} may be",
        max(1, math.ceil(left_s)),
    )


def _exceeded(limit: str, detail: str, retry_after_s: int) -> RefusedError:
    LIMITED.labels(limit).inc()
    return RefusedError(ErrorType.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_after_s)})
