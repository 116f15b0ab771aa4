"""Token buckets in Redis, which all API processes share: how many calls a tenant may make.

A bucket can have `burst` tokens. It gets `rate_per_s` tokens in a second, and each call takes one. Only one
number is stored: the time at which the bucket will be full again. This is the generic cell rate algorithm
(ITU-T I.371, annex A), a token bucket without a counter that has to be refilled. After a change of the limit,
or a jump of the clock, the stored time can be later than that of an empty bucket. Then the bucket is empty.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import NoScriptError

KEY: Final = "renderfleet:bucket:{}"

# A double cannot represent each microsecond of a time since 1970 exactly.
_TOLERANCE_S: Final = 1e-6
_WHOLE: Final = 1e-3
_MAX_REMEMBERED: Final = 10_000

# Uses Redis' clock, because the clocks of the API processes can differ. A full bucket needs no key. %.17g is
# there because Lua itself writes only 14 digits.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local results = {}
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local empty = now + burst / rate
  local known = tonumber(redis.call('GET', key) or '0')
  local full_at = math.min(math.max(known, now), empty)
  local admitted = 0
  if full_at + 1 / rate <= empty + 1e-6 then
    admitted = 1
    full_at = full_at + 1 / rate
  end
  if admitted == 1 or full_at < known then
    local lifetime = string.format('%d', math.ceil((full_at - now) * 1000))
    redis.call('SET', key, string.format('%.17g', full_at), 'PX', lifetime)
  end
  results[i] = {admitted, string.format('%.17g', (empty - full_at) * rate)}
end
return results
"""
# Redis finds a script by this digest. It is not used for security.
_TAKE_DIGEST: Final = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many calls a tenant may make.

    Attributes:
        rate_per_s: calls in a second, on average; above 0.
        burst: calls at once after a pause; at least 1.
    """

    rate_per_s: float
    burst: int

    @property
    def window_s(self) -> int:
        """Seconds until an empty bucket is full, rounded up."""
        return math.ceil(self.burst / self.rate_per_s)


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """Whether a call is allowed, and what is left.

    Attributes:
        limit: the limit that was applied.
        is_admitted: whether the call is allowed.
        tokens: how many tokens the bucket has after the call.
    """

    limit: RateLimit
    is_admitted: bool
    tokens: float

    @property
    def remaining(self) -> int:
        """How many calls may be made at once."""
        return max(0, math.floor(self.tokens + _WHOLE))

    @property
    def window_s(self) -> int:
        """Seconds over which `remaining` calls can be spread evenly without a refusal.

        If no call is left, the seconds until the next one is allowed.
        """
        missing = self.remaining or 1 - self.tokens
        return max(1, math.ceil(missing / self.limit.rate_per_s - _WHOLE))


@dataclass(frozen=True, slots=True)
class CountedCall:
    """A call to be counted.

    Attributes:
        name: the name of the bucket, such as the tenant's id.
        limit: the limit of the bucket.
    """

    name: UUID | str
    limit: RateLimit


async def take(redis: ArqRedis, calls: Sequence[CountedCall]) -> list[RateLimitResult]:
    """Take a token for each call, in order, if its bucket has one. All calls take one command.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    keys = [KEY.format(call.name) for call in calls]
    limits = [word for call in calls for word in (repr(call.limit.rate_per_s), str(call.limit.burst))]
    try:
        answers: Any = await cast("Awaitable[Any]", redis.evalsha(_TAKE_DIGEST, len(keys), *keys, *limits))
    except NoScriptError:  # Redis was restarted or flushed
        answers = await cast("Awaitable[Any]", redis.eval(_TAKE, len(keys), *keys, *limits))
    return [
        RateLimitResult(call.limit, is_admitted=bool(is_admitted), tokens=float(tokens))
        for call, (is_admitted, tokens) in zip(calls, answers, strict=True)
    ]


class LocalBuckets:
    """The same buckets in the memory of one process, while Redis does not answer."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[UUID | str, float] = OrderedDict()

    def take(self, name: UUID | str, limit: RateLimit, *, now: float) -> RateLimitResult:
        """Take a token from the bucket with this name, if it has one.

        Args:
            name: the name of the bucket.
            limit: the limit of the bucket.
            now: seconds on a monotonic clock.
        """
        empty = now + limit.burst / limit.rate_per_s
        full_at = min(max(self._full_at.get(name, 0.0), now), empty)
        is_admitted = full_at + 1 / limit.rate_per_s <= empty + _TOLERANCE_S
        if is_admitted:
            full_at += 1 / limit.rate_per_s
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        if len(self._full_at) > _MAX_REMEMBERED:
            self._full_at.popitem(last=False)
        return RateLimitResult(limit, is_admitted, tokens=(empty - full_at) * limit.rate_per_s)
