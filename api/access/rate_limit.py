"""How many calls a tenant may make: one bucket for all API processes, in Redis, and the headers that tell.

Calls that come while Redis is being asked are put to it together, next: however many there are, one question
is under way. A Redis that is away or slow refuses nobody: from then on this process counts by itself, with
the same limits, until Redis answers again. So several processes let in so many times as much meanwhile. Only
calls that were under way when it fell silent have waited for it, and for `_WAIT_S` or so.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` says what is allowed,
`RateLimit` what is left of it.
"""

import asyncio
import math
import time
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from api.http.default_headers import ANSWER_HEADERS
from api.http.problems import RefusedError
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import LIMITED, RATES_LOCAL
from fleet.tenants import rate_limit
from fleet.tenants.rate_limit import CountedCall, LocalBuckets, RateLimit, RateLimitResult
from fleet.tenants.settings import TenantSettings
from fleet.tenants.tenant import Tenant

_POLICY: Final = "default"
# A round trip takes a quarter of a millisecond. A call must not wait for a bucket as it would for its answer.
_WAIT_S: Final = 0.25
# When this process was busy for so long, the answer may be there, and only needs to be read.
_READ_S: Final = 0.05
# A script of a thousand calls holds Redis up for some milliseconds.
_CALLS_AT_ONCE: Final = 1_000
_LOOK_INTERVAL_S: Final = 1.0
_PROBE: Final = CountedCall("probe", RateLimit(rate_per_s=1.0, burst=1))
# Without a burst of its own, a bucket holds what so many seconds bring.
_BURST_S: Final = 2

log = get_logger(__name__)


class Rates:
    """The limits of one API process. `close` at the end."""

    def __init__(self, redis: ArqRedis, settings: TenantSettings) -> None:
        """Begin with Redis.

        Args:
            redis: holds the buckets.
            settings: for tenants without limits of their own.
        """
        self._redis = redis
        self._settings = settings
        self._local = LocalBuckets()
        self._waiting: list[tuple[CountedCall, asyncio.Future[RateLimitResult]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._return: asyncio.Task[None] | None = None

    async def admit(self, scope: MutableMapping[str, Any], tenant: Tenant) -> None:
        """Do nothing but count if the tenant may make one more call. The answer will have the headers.

        Args:
            scope: the call's, of ASGI.
            tenant: who calls.

        Raises:
            RefusedError: rate_limited.
        """
        limit = self._limit_of(tenant)
        if limit is None:
            return
        standing = await self._take(CountedCall(tenant.id, limit))
        scope[ANSWER_HEADERS] = headers_of(standing)
        if not standing.is_admitted:
            LIMITED.labels("requests").inc()
            raise RefusedError(
                ErrorType.RATE_LIMITED,
                f"you may make {limit.rate_per_s:g} calls a second, {limit.burst:,} at once after a pause",
                headers={"Retry-After": str(standing.window_s)},
            )

    def close(self) -> None:
        """Ask no more."""
        for task in (self._asking, self._return):
            if task is not None:
                task.cancel()

    def _limit_of(self, tenant: Tenant) -> RateLimit | None:
        rate_per_s = tenant.max_requests_per_s or self._settings.tenant_max_requests_per_s
        if rate_per_s == 0:
            return None
        burst = tenant.burst or self._settings.tenant_burst or math.ceil(_BURST_S * rate_per_s)
        return RateLimit(rate_per_s, burst)

    async def _take(self, call: CountedCall) -> RateLimitResult:
        if self._return is None:
            answer: asyncio.Future[RateLimitResult] = asyncio.get_running_loop().create_future()
            self._waiting.append((call, answer))
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            return await answer
        return self._count(call)

    async def _ask(self) -> None:
        """Put to Redis what waits, and what comes meanwhile."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_CALLS_AT_ONCE], self._waiting[_CALLS_AT_ONCE:]
                calls = [call for call, _ in batch]
                for (_, answer), standing in zip(batch, await self._standings(calls), strict=True):
                    if not answer.done():  # its caller has hung up
                        answer.set_result(standing)
        finally:
            self._asking = None

    async def _standings(self, calls: Sequence[CountedCall]) -> list[RateLimitResult]:
        if self._return is None:
            try:
                return await self._asked(calls)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("redis does not count calls, this process counts by itself", error=repr(error))
            except Exception:
                log.exception("unknown error while redis counts calls, this process counts by itself")
            RATES_LOCAL.set(1)
            self._return = asyncio.create_task(self._return_to_redis())
        return [self._count(call) for call in calls]

    def _count(self, call: CountedCall) -> RateLimitResult:
        return self._local.take(call.name, call.limit, now=time.monotonic())

    async def _asked(self, calls: Sequence[CountedCall]) -> list[RateLimitResult]:
        question = asyncio.create_task(rate_limit.take(self._redis, calls))
        try:
            for patience_s in (_WAIT_S, _READ_S):
                await asyncio.wait({question}, timeout=patience_s)
                if question.done():
                    return question.result()
        finally:
            question.cancel()
        raise TimeoutError(f"no answer within {_WAIT_S:g} s")

    async def _return_to_redis(self) -> None:
        """Ask Redis now and then to do what it is needed for; no call waits for the answer."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL_S)
            try:
                await self._asked([_PROBE])
            except (RedisError, OSError, TimeoutError):
                continue
            break
        self._return = None
        RATES_LOCAL.set(0)
        log.info("redis counts calls again")


def headers_of(standing: RateLimitResult) -> list[tuple[bytes, bytes]]:
    """The headers that tell a caller where it stands."""
    limit = standing.limit
    policy = f'"{_POLICY}";q={limit.burst};w={limit.window_s}'
    left = f'"{_POLICY}";r={standing.remaining};t={standing.window_s}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
