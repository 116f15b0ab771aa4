"""The limit on a tenant's calls: one bucket for all API processes, in Redis, and the headers that report it.

There is only one request to Redis at a time. Calls that arrive meanwhile are sent together in the next one.
If Redis is away or slow, no call is refused because of that: this process counts by itself, with the same
limits, until Redis answers again. In that time, n processes together admit n times as many calls. Only calls
for which Redis was being asked have waited for it, for about `WAIT_S`.

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
from fleet.telemetry.metrics.of_api import LIMITED, RATES_LOCAL
from fleet.tenants import rate_limit
from fleet.tenants.rate_limit import CountedCall, LocalBuckets, RateLimit, RateLimitResult
from fleet.tenants.settings import TenantSettings
from fleet.tenants.tenant import Tenant

_POLICY: Final = "default"
# A round trip takes 0.25 ms. No call should wait much longer only because of its limit.
WAIT_S: Final = 0.25
# If this process itself was busy for so long, the answer may have arrived already and only has to be read.
_READ_S: Final = 0.05
# A script for a thousand calls blocks Redis for some milliseconds.
_CALLS_AT_ONCE: Final = 1_000
_PROBE_INTERVAL_S: Final = 1.0
_PROBE: Final = CountedCall("probe", RateLimit(rate_per_s=1.0, burst=1))
# If no burst is set, a bucket holds the tokens of so many seconds.
_BURST_S: Final = 2

log = get_logger(__name__)


class Rates:
    """The limits of one API process. `close` at the end.

    Attributes:
        wait_s: how long calls wait for an answer of Redis, in seconds.
    """

    def __init__(self, redis: ArqRedis, settings: TenantSettings) -> None:
        """Count in Redis at first.

        Args:
            redis: holds the buckets.
            settings: for tenants without limits of their own.
        """
        self.wait_s = WAIT_S
        self._redis = redis
        self._settings = settings
        self._local = LocalBuckets()
        self._waiting: list[tuple[CountedCall, asyncio.Future[RateLimitResult]]] = []
        self._asking_task: asyncio.Task[None] | None = None
        self._return_task: asyncio.Task[None] | None = None

    async def admit(self, scope: MutableMapping[str, Any], tenant: Tenant) -> None:
        """Count a call, and refuse it if the tenant has made too many. Adds the headers to the answer.

        Args:
            scope: the ASGI scope of the call.
            tenant: the caller.

        Raises:
            RefusedError: rate_limited.
        """
        limit = self.limit_of(tenant)
        if limit is None:
            return
        result = await self._take(CountedCall(tenant.id, limit))
        scope[ANSWER_HEADERS] = headers_of(result)
        if not result.is_admitted:
            LIMITED.labels("requests").inc()
            raise RefusedError(
                ErrorType.RATE_LIMITED,
                f"you may make {limit.rate_per_s:g} calls a second, {limit.burst:,} at once after a pause",
                headers={"Retry-After": str(result.window_s)},
            )

    def close(self) -> None:
        """Cancel the requests to Redis."""
        for task in (self._asking_task, self._return_task):
            if task is not None:
                task.cancel()

    def limit_of(self, tenant: Tenant) -> RateLimit | None:
        """The limit of a tenant: its own, or else that of the settings. None: no limit."""
        rate_per_s = tenant.max_requests_per_s or self._settings.tenant_max_requests_per_s
        if rate_per_s == 0:
            return None
        burst = tenant.burst or self._settings.tenant_burst or math.ceil(_BURST_S * rate_per_s)
        return RateLimit(rate_per_s, burst)

    async def _take(self, call: CountedCall) -> RateLimitResult:
        if self._return_task is None:
            answer: asyncio.Future[RateLimitResult] = asyncio.get_running_loop().create_future()
            self._waiting.append((call, answer))
            if self._asking_task is None:
                self._asking_task = asyncio.create_task(self._ask_for_waiting())
            return await answer
        return self._count_locally(call)

    async def _ask_for_waiting(self) -> None:
        """Ask Redis about all waiting calls, also about those that arrive meanwhile."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_CALLS_AT_ONCE], self._waiting[_CALLS_AT_ONCE:]
                calls = [call for call, _ in batch]
                for (_, answer), result in zip(batch, await self._results(calls), strict=True):
                    if not answer.done():  # its caller has hung up
                        answer.set_result(result)
        finally:
            self._asking_task = None

    async def _results(self, calls: Sequence[CountedCall]) -> list[RateLimitResult]:
        if self._return_task is None:
            try:
                return await self._ask_redis(calls)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("redis does not count calls, this process counts by itself", error=repr(error))
            except Exception:
                log.exception("unknown error while redis counts calls, this process counts by itself")
            RATES_LOCAL.set(1)
            self._return_task = asyncio.create_task(self._return_to_redis())
        return [self._count_locally(call) for call in calls]

    def _count_locally(self, call: CountedCall) -> RateLimitResult:
        return self._local.take(call.name, call.limit, now=time.monotonic())

    async def _ask_redis(self, calls: Sequence[CountedCall]) -> list[RateLimitResult]:
        question = asyncio.create_task(rate_limit.take(self._redis, calls))
        try:
            for timeout_s in (self.wait_s, _READ_S):
                await asyncio.wait({question}, timeout=timeout_s)
                if question.done():
                    return question.result()
        finally:
            question.cancel()
        raise TimeoutError(f"no answer within {self.wait_s:g} s")

    async def _return_to_redis(self) -> None:
        """Ask Redis once a second to count a test call, until it answers. No call waits for this."""
        while True:
            await asyncio.sleep(_PROBE_INTERVAL_S)
            try:
                await self._ask_redis([_PROBE])
            except (RedisError, OSError, TimeoutError):
                continue
            break
        self._return_task = None
        RATES_LOCAL.set(0)
        log.info("redis counts calls again")


def headers_of(result: RateLimitResult) -> list[tuple[bytes, bytes]]:
    """The headers that tell a caller its limit and what is left of it."""
    limit = result.limit
    policy = f'"{_POLICY}";q={limit.burst};w={limit.window_s}'
    left = f'"{_POLICY}";r={result.remaining};t={result.window_s}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
