"""How many queued jobs a tenant may have, and how many it may have accepted in a month.

Counting them anew for each POST would make a POST as slow as the backlog is long. So a count is remembered
for a second and what this process accepts meanwhile is added: several API processes together may let in what
they accept within that second beyond the limit.
"""

import math
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

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
    """So many jobs at a time; `left_s`: seconds from then until it begins from 0 again."""

    jobs: int
    counted_at: float
    left_s: float = math.inf


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

    async def admit(self, tenant: Tenant, *, jobs: int = 1) -> None:
        """Do nothing if the tenant may have so many more jobs accepted; they count from now on.

        Raises:
            RefusedError: quota_exceeded.
        """
        line, month = self._limit_of_line(tenant), self._limit_of_month(tenant)
        queued = accepted = None
        if line is not None:
            queued = await self._queued.get((tenant.id, line))
        if month is not None:
            accepted = await self._months.get(tenant.id)
        # No wait from here on: of calls at the same moment each sees what the ones before it have added.
        if queued is not None and line is not None:
            _require_line(queued, line, jobs)
        if accepted is not None and month is not None:
            _require_month(accepted, month, jobs)
            accepted.jobs += jobs
        if queued is not None:
            queued.jobs += jobs

    def _limit_of_line(self, tenant: Tenant) -> int | None:
        limit = self._settings.tenant_max_queued if tenant.max_queued is None else tenant.max_queued
        return None if limit == 0 and tenant.max_queued is None else limit

    def _limit_of_month(self, tenant: Tenant) -> int | None:
        own = tenant.max_renders_per_month
        limit = self._settings.tenant_max_renders_per_month if own is None else own
        return None if limit == 0 and own is None else limit

    async def _count_queued(self, up_to: tuple[UUID, int]) -> _Count:
        tenant_id, limit = up_to
        queued = await count_queued(self._database, tenant_id=tenant_id, limit=limit)
        return _Count(queued, time.monotonic())

    async def _count_accepted(self, tenant_id: UUID) -> _Count:
        month = await usage.read(self._database, tenant_id)
        return _Count(month.accepted, time.monotonic(), month.left_s)


def _lifetime_s(count: _Count) -> float:
    return min(_FRESH_S, count.left_s)


def _require_line(count: _Count, limit: int, jobs: int) -> None:
    if count.jobs + jobs > limit:
        raise _exceeded(
            "queued",
            f"you have {count.jobs:,} queued jobs and may have {limit:,}; wait until some begin",
            RETRY_AFTER_S,
        )


def _require_month(count: _Count, limit: int, jobs: int) -> None:
    if count.jobs + jobs > limit:
        left_s = count.left_s - (time.monotonic() - count.counted_at)
        raise _exceeded(
            "month",
            f"{count.jobs:,} of your jobs were accepted this month (UTC) and {limit:,} may be",
            max(1, math.ceil(left_s)),
        )


def _exceeded(limit: str, detail: str, retry_after_s: int) -> RefusedError:
    LIMITED.labels(limit).inc()
    return RefusedError(ErrorType.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_after_s)})
