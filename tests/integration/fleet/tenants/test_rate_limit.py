"""Token buckets, in Redis and in the memory of a process alike: one suite for both."""

import asyncio
from typing import Protocol
from uuid import UUID, uuid4

import pytest
from arq.connections import ArqRedis

from fleet.tenants import rate_limit
from fleet.tenants.rate_limit import KEY, CountedCall, LocalBuckets, RateLimit, RateLimitResult

SLOW = RateLimit(rate_per_s=0.01, burst=3)


class Buckets(Protocol):
    """A place that holds buckets, and a clock that can be moved on."""

    async def take(self, name: UUID, limit: RateLimit) -> RateLimitResult:
        """Take a token."""

    async def let_pass(self, seconds: float) -> None:
        """Make the buckets older."""


class InRedis:
    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def take(self, name: UUID, limit: RateLimit) -> RateLimitResult:
        [standing] = await rate_limit.take(self._redis, [CountedCall(name, limit)])
        return standing

    async def let_pass(self, seconds: float) -> None:
        """Redis' clock is its own; what it has written down can be moved back instead."""
        for key in await self._redis.keys(KEY.format("*")):
            full_at = await self._redis.get(key)
            assert full_at is not None
            await self._redis.set(key, repr(float(full_at) - seconds))


class InMemory:
    def __init__(self) -> None:
        self._buckets = LocalBuckets()
        self._now = 1_000.0

    async def take(self, name: UUID, limit: RateLimit) -> RateLimitResult:
        return self._buckets.take(name, limit, now=self._now)

    async def let_pass(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture(params=["redis", "memory"])
def place(request: pytest.FixtureRequest, redis: ArqRedis) -> Buckets:
    return InRedis(redis) if request.param == "redis" else InMemory()


async def admitted(place: Buckets, name: UUID, limit: RateLimit, times: int) -> int:
    return sum([(await place.take(name, limit)).is_admitted for _ in range(times)])


async def test_a_full_bucket_gives_its_burst_and_then_nothing(place: Buckets) -> None:
    name = uuid4()
    standings = [await place.take(name, SLOW) for _ in range(5)]
    assert [standing.is_admitted for standing in standings] == [True, True, True, False, False]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0, 0]


async def test_it_fills_up_at_its_rate_and_no_further(place: Buckets) -> None:
    name = uuid4()
    assert await admitted(place, name, SLOW, 4) == 3
    await place.let_pass(101)
    assert await admitted(place, name, SLOW, 2) == 1
    await place.let_pass(201)
    assert await admitted(place, name, SLOW, 3) == 2
    await place.let_pass(100_000)
    assert await admitted(place, name, SLOW, 5) == 3


async def test_a_part_of_a_token_is_none(place: Buckets) -> None:
    name = uuid4()
    assert await admitted(place, name, SLOW, 3) == 3
    await place.let_pass(90)
    standing = await place.take(name, SLOW)
    assert not standing.is_admitted
    assert 1 <= standing.window_s <= 10, "in 10 s there is one"
    await place.let_pass(20)
    assert (await place.take(name, SLOW)).is_admitted


async def test_everybody_has_a_bucket_of_their_own(place: Buckets) -> None:
    assert await admitted(place, uuid4(), SLOW, 4) == 3
    assert await admitted(place, uuid4(), SLOW, 4) == 3


async def test_who_gets_a_higher_limit_does_not_pay_the_debt_of_the_low_one(place: Buckets) -> None:
    name, fast = uuid4(), RateLimit(rate_per_s=1.0, burst=2)
    assert await admitted(place, name, SLOW, 3) == 3
    assert not (await place.take(name, fast)).is_admitted, "an empty bucket stays empty"
    await place.let_pass(1.01)
    assert (await place.take(name, fast)).is_admitted, "but fills up at the new rate"


async def test_what_is_left_lasts_when_it_is_spread_as_told(place: Buckets) -> None:
    name, limit = uuid4(), RateLimit(rate_per_s=0.5, burst=10)
    standing = await place.take(name, limit)
    assert (standing.remaining, standing.window_s) == (9, 18)
    for _ in range(20):
        await place.let_pass(standing.window_s / standing.remaining)
        assert (await place.take(name, limit)).remaining >= 9


async def test_many_at_once_share_one_bucket(redis: ArqRedis) -> None:
    calls = [CountedCall(uuid4(), RateLimit(rate_per_s=0.01, burst=20))] * 10
    found = await asyncio.gather(*(rate_limit.take(redis, calls) for _ in range(6)))
    assert sum(standing.is_admitted for standings in found for standing in standings) == 20


async def test_calls_of_several_are_answered_in_order(redis: ArqRedis) -> None:
    one, other = CountedCall(uuid4(), SLOW), CountedCall(uuid4(), RateLimit(rate_per_s=0.01, burst=1))
    found = await rate_limit.take(redis, [one, other, one, other])
    assert [standing.is_admitted for standing in found] == [True, True, True, False]
    assert [standing.remaining for standing in found] == [2, 0, 1, 0]


async def test_redis_forgets_a_bucket_when_it_is_full(redis: ArqRedis) -> None:
    call = CountedCall(uuid4(), RateLimit(rate_per_s=0.5, burst=10))
    await rate_limit.take(redis, [call])
    left_ms = await redis.pttl(KEY.format(call.name))
    assert 0 < left_ms <= 2001
    await rate_limit.take(redis, [call])
    assert left_ms < await redis.pttl(KEY.format(call.name)) <= 4001


async def test_a_redis_that_lost_its_scripts_is_told_again(redis: ArqRedis) -> None:
    await redis.script_flush()
    found = await rate_limit.take(redis, [CountedCall(uuid4(), SLOW)] * 4)
    assert [standing.is_admitted for standing in found] == [True, True, True, False]
    [known] = await redis.script_exists(rate_limit._TAKE_DIGEST)  # noqa: SLF001 - a round trip less from now on
    assert known
