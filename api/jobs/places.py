"""The places of callers that wait: how many there are, whose they are, and when a caller loses its own."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from starlette.types import Receive

from api.http.hang_up import CallPause
from fleet.database import Database
from fleet.telemetry.metrics.of_api import WAITERS
from fleet.tenants.authenticate import ended_keys
from fleet.tenants.tenant import Tenant

# A tenant may have nine times as many waiters as there are free places. So one tenant can take nine tenths of
# all places, and one tenth stays free for others; two tenants can take nine nineteenths each. (Dynamic
# thresholds: A. Choudhury, E. Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
# IEEE/ACM ToN 6(2), 1998.)
_SHARE_OF_FREE: Final = 9


class Place:
    """The place of one caller. `Places.taken` makes it count.

    Attributes:
        is_over: whether the caller must not wait any longer: the process stops, there are too many waiters,
            or the caller's key does not work any more.
        is_shut_out: whether the key is the reason. Then the caller may not learn more.
    """

    __slots__ = ("_pause", "is_over", "is_shut_out")

    def __init__(self) -> None:
        self.is_over = False
        self.is_shut_out = False
        self._pause = CallPause()

    def wake(self) -> None:
        """Wake the caller, or keep it from its next sleep."""
        self._pause.wake()

    def release(self) -> None:
        """Say that it is over, and wake the caller."""
        self.is_over = True
        self.wake()

    def shut_out(self) -> None:
        """Say that it is over, because the caller's key does not work any more, and wake the caller."""
        self.is_shut_out = True
        self.release()

    async def wait(self, *, timeout_s: float, receive: Receive) -> bool:
        """Wait to be woken. Returns whether the caller is still connected; see `CallPause.wait`."""
        return self.is_over or await self._pause.wait(timeout_s=timeout_s, receive=receive)


class Places:
    """All places of this process.

    Attributes:
        count: how many are taken.
        is_released: whether the process is about to stop.
    """

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._count_of_tenant: Counter[UUID] = Counter()
        self._of_key: dict[str, set[Place]] = {}
        self._keys_checked_at = 0.0
        self.is_released = False
        self.count = 0

    def is_full_for(self, tenant_id: UUID) -> bool:
        """Whether this tenant gets no other place, because it, or all together, have too many."""
        return self._count_of_tenant[tenant_id] >= _SHARE_OF_FREE * (self._limit - self.count)

    @contextmanager
    def taken(self, place: Place, tenant: Tenant, *, kind: str) -> Iterator[bool]:
        """Take a place for as long as the block runs; False: there is none, and the place is over.

        Args:
            place: which ends as soon as the caller's key does not work any more.
            tenant: the caller.
            kind: of waiting, for the metric.
        """
        if self.is_released or self.is_full_for(tenant.id):
            place.release()
            yield False
            return
        of_key = self._of_key.setdefault(tenant.key_id, set())
        of_key.add(place)
        self.count += 1
        self._count_of_tenant[tenant.id] += 1
        gauge = WAITERS.labels(kind)
        gauge.inc()
        try:
            yield True
        finally:
            gauge.dec()
            self.count -= 1
            self._count_of_tenant[tenant.id] -= 1
            if not self._count_of_tenant[tenant.id]:
                del self._count_of_tenant[tenant.id]
            of_key.remove(place)
            if not of_key and self._of_key.get(tenant.key_id) is of_key:
                del self._of_key[tenant.key_id]

    def release(self) -> None:
        """End all places, also future ones: the process is about to stop."""
        self.is_released = True
        for of_key in self._of_key.values():
            for place in of_key:
                place.release()

    def shut_out(self, key_id: str) -> None:
        """End all places of callers with this API key, which does not work any more."""
        for place in self._of_key.get(key_id, ()):
            place.shut_out()

    async def check_keys(self) -> None:
        """End the places of callers whose keys do not work any more.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        if self._of_key:
            for key_id in await ended_keys(self._database, list(self._of_key)):
                self.shut_out(key_id)
        self._keys_checked_at = time.monotonic()

    async def check_keys_after(self, age_s: float) -> None:
        """The same, if the last time is longer ago: then Postgres was away, and keys may have ended since."""
        if time.monotonic() - self._keys_checked_at > age_s:
            await self.check_keys()
