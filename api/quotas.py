"""How many queued jobs a tenant may have.

Counting them anew for each POST would make a POST as slow as the backlog is long. So the count is remembered
for a second and what this process accepts meanwhile is added: several API processes together may let in what
they accept within that second beyond the limit.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.problems import RefusedError
from fleet.database import Pool
from fleet.errors import ErrorType
from fleet.jobs import count_queued
from fleet.tenants import Tenant

_FRESH_S: Final = 1.0
_MAX_REMEMBERED: Final = 10_000
RETRY_AFTER_S: Final = 5


@dataclass(slots=True)
class _Count:
    queued: int
    counted_at: float


class Quotas:
    """The counts of one API process."""

    def __init__(self, pool: Pool, *, max_queued: int) -> None:
        """Remember nothing yet.

        Args:
            pool: connections to Postgres.
            max_queued: for tenants without a limit of their own; 0: any number.
        """
        self._pool = pool
        self._max_queued = max_queued
        self._counts: OrderedDict[UUID, _Count] = OrderedDict()

    async def admit(self, tenant: Tenant, *, jobs: int = 1) -> None:
        """Do nothing if the tenant may queue so many more jobs; they count from now on.

        Raises:
            RefusedError: quota_exceeded.
            UnavailableError: Postgres does not answer.
        """
        limit = self._max_queued if tenant.max_queued is None else tenant.max_queued
        if limit == 0 and tenant.max_queued is None:
            return
        count = await self._count(tenant.id, limit)
        if count.queued + jobs > limit:
            raise RefusedError(
                ErrorType.QUOTA_EXCEEDED,
                f"you have {count.queued:,} queued jobs and may have {limit:,}; wait until some begin",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        count.queued += jobs

    async def _count(self, tenant_id: UUID, limit: int) -> _Count:
        count = self._counts.get(tenant_id)
        if count is None or time.monotonic() - count.counted_at > _FRESH_S:
            queued = await count_queued(self._pool, tenant_id=tenant_id, limit=limit)
            count = self._counts[tenant_id] = _Count(queued, time.monotonic())
            self._counts.move_to_end(tenant_id)
            if len(self._counts) > _MAX_REMEMBERED:
                self._counts.popitem(last=False)
        return count
