"""Token buckets: how many calls a tenant may make, and how many of them at once. In Redis, shared by all.

A bucket holds `burst` tokens, gets `rate_per_s` a second, and each call takes one. What is stored is one
number, the time at which the bucket will be full again: the generic cell rate algorithm (ITU-T I.371, annex
A), which is a token bucket without a counter to refill. A stored time that lies further ahead than that of an
empty bucket, after a change of the limit or a jump of the clock, becomes that of an empty one.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import NoScriptError

KEY: Final = "renderfleet:bucket:{}"

# Microseconds of a time since 1970 do not all fit into a double.
_TOLERANCE_S: Final = 1e-6
_WHOLE: Final = 1e-3
_MAX_REMEMBERED: Final = 10_000

# By Redis' own clock, so that API processes whose clocks differ share one bucket. A full bucket needs no key.
# %.17g: Lua's own format keeps 14 digits.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = now + burst / rate
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
local full_at = math.min(math.max(known, now), empty)
local admitted = 0
if full_at + 1 / rate <= empty + 1e-6 then
  admitted = 1
  full_at = full_at + 1 / rate
end
if admitted == 1 or full_at < known then
  local lifetime = string.format('%d', math.ceil((full_at - now) * 1000))
  redis.call('SET', KEYS[1], string.format('%.17g', full_at), 'PX', lifetime)
end
return {admitted, string.format('%.17g', (empty - full_at) * rate)}
"""
# The name by which Redis knows a script; it protects nothing.
_TAKE_DIGEST: Final = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls a tenant may make.

    Attributes:
        rate_per_s: in the long run; above 0.
        burst: at once, after a pause; at least 1.
    """

    rate_per_s: float
    burst: int

    @property
    def window_s(self) -> int:
        """Whole seconds in which an empty bucket fills up."""
        return math.ceil(self.burst / self.rate_per_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of a call, and what is left.

    Attributes:
        tokens: in the bucket, after the call.
    """

    limit: Limit
    is_admitted: bool
    tokens: float

    @property
    def remaining(self) -> int:
        """Calls that may be made at once."""
        return max(0, math.floor(self.tokens + _WHOLE))

    @property
    def window_s(self) -> int:
        """Seconds over which `remaining` calls are no more than the rate; with none left, until there is one.

        So that who spreads the calls that are left evenly over this time is not refused.
        """
        missing = self.remaining or 1 - self.tokens
        return max(1, math.ceil(missing / self.limit.rate_per_s - _WHOLE))


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be counted.

    Attributes:
        name: of the bucket: whose call it is.
        limit: of the bucket.
    """

    name: UUID | str
    limit: Limit


async def take(redis: ArqRedis, calls: Sequence[Call]) -> list[Standing]:
    """Take a token for each call out of its bucket, in order, if there is one. One round trip for all.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    answers = await _run(redis, calls, by_digest=True)
    if any(isinstance(answer, NoScriptError) for answer in answers):  # Redis was restarted or flushed
        answers = await _run(redis, calls, by_digest=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return [
        Standing(call.limit, is_admitted=bool(answer[0]), tokens=float(answer[1]))
        for call, answer in zip(calls, answers, strict=True)
    ]


async def _run(redis: ArqRedis, calls: Sequence[Call], *, by_digest: bool) -> list[Any]:
    async with redis.pipeline(transaction=False) as pipe:
        for call in calls:
            arguments = (1, KEY.format(call.name), repr(call.limit.rate_per_s), str(call.limit.burst))
            if by_digest:
                pipe.evalsha(_TAKE_DIGEST, *arguments)
            else:
                pipe.eval(_TAKE, *arguments)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    return answers


class LocalBuckets:
    """The same buckets in the memory of one process, for as long as Redis does not answer."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[UUID | str, float] = OrderedDict()

    def take(self, name: UUID | str, limit: Limit, *, now: float) -> Standing:
        """Take a token out of the bucket of this name, if there is one.

        Args:
            name: whose bucket.
            limit: of the bucket.
            now: seconds on a clock that never goes back.
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
        return Standing(limit, is_admitted, tokens=(empty - full_at) * limit.rate_per_s)
