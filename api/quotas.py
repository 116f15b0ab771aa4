"""How many queued jobs a tenant may have, and how many it may have accepted in a month.

Counting them anew for each POST would make a POST as slow as the backlog is long. So a count is remembered
for a second and what this process accepts meanwhile is added: several API processes together may let in what
they accept within that second beyond the limit.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.problems import RefusedError
from fleet import months
from fleet.database import Pool
from fleet.errors import ErrorType
from fleet.jobs import count_queued
from fleet.metrics import LIMITED
from fleet.settings import TenantSettings
from fleet.tenants import Tenant

_FRESH_S: Final = 1.0
_MAX_REMEMBERED: Final = 10_000
RETRY_AFTER_S: Final = 5


@dataclass(slots=True)
class _Count:
    """So many jobs at a time; `left_s`: seconds from then until it begins from 0 again."""

    jobs: int
    counted_at: float
    left_s: float = math.inf


class _Counts:
    """What was counted lately, tenant by tenant."""

    def __init__(self) -> None:
        self._counts: OrderedDict[UUID, _Count] = OrderedDict()

    async def get(self, tenant_id: UUID, count: Callable[[], Awaitable[_Count]]) -> _Count:
        """The count of a tenant, taken anew when it is old."""
        known = self._counts.get(tenant_id)
        if known is None or time.monotonic() - known.counted_at > min(_FRESH_S, known.left_s):
            known = self._counts[tenant_id] = await count()
            self._counts.move_to_end(tenant_id)
            if len(self._counts) > _MAX_REMEMBERED:
                self._counts.popitem(last=False)
        return known


class Quotas:
    """The counts of one API process."""

    def __init__(self, pool: Pool, settings: TenantSettings) -> None:
        """Remember nothing yet.

        Args:
            pool: connections to Postgres.
            settings: for tenants without limits of their own.
        """
        self._pool = pool
        self._settings = settings
        self._queued = _Counts()
        self._months = _Counts()

    async def admit(self, tenant: Tenant, *, jobs: int = 1) -> None:
        """Do nothing if the tenant may have so many more jobs accepted; they count from now on.

        Raises:
            RefusedError: quota_exceeded.
            UnavailableError: Postgres does not answer.
        """
        counts = [
            count
            for count in (await self._of_line(tenant, jobs), await self._of_month(tenant, jobs))
            if count is not None
        ]
        for count in counts:
            count.jobs += jobs

    async def _of_line(self, tenant: Tenant, jobs: int) -> _Count | None:
        limit = self._settings.tenant_max_queued if tenant.max_queued is None else tenant.max_queued
        if limit == 0 and tenant.max_queued is None:
            return None

        async def count_now() -> _Count:
            queued = await count_queued(self._pool, tenant_id=tenant.id, limit=limit)
            return _Count(queued, time.monotonic())

        count = await self._queued.get(tenant.id, count_now)
        if count.jobs + jobs > limit:
            raise _exceeded(
                "queued",
                f"you have {count.jobs:,} queued jobs and may have {limit:,}; wait until some begin",
                RETRY_AFTER_S,
            )
        return count

    async def _of_month(self, tenant: Tenant, jobs: int) -> _Count | None:
        own = tenant.max_renders_per_month
        limit = self._settings.tenant_max_renders_per_month if own is None else own
        if limit == 0 and own is None:
            return None

        async def count_now() -> _Count:
            month = await months.read(self._pool, tenant.id)
            return _Count(month.accepted, time.monotonic(), month.left_s)

        count = await self._months.get(tenant.id, count_now)
        if count.jobs + jobs > limit:
            left_s = count.left_s - (time.monotonic() - count.counted_at)
            raise _exceeded(
                "month",
                f"{count.jobs:,} of your jobs were accepted this month (UTC) and {limit:,} may be",
                max(1, math.ceil(left_s)),
            )
        return count


def _exceeded(limit: str, detail: str, retry_after_s: int) -> RefusedError:
    LIMITED.labels(limit).inc()
    return RefusedError(ErrorType.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_after_s)})
