"""Who is next: tenants share by weight, priority orders a tenant's own jobs, nobody starves."""

import random
from collections import Counter
from collections.abc import Awaitable
from typing import cast

import pytest
from arq.connections import ArqRedis

from fleet.queue import arq_adapter, fair_queue
from fleet.queue.fair_queue import HEAD_START, QueuedId


async def enter(redis: ArqRedis, *entries: QueuedId) -> None:
    await arq_adapter.send(redis, entries)


def many(tenant: str, count: int, *, weight: float = 1.0, priority: int = 5) -> list[QueuedId]:
    return [QueuedId(f"{tenant}{number:05}", tenant, weight, priority) for number in range(count)]


@pytest.mark.parametrize("priority", [0, 5, 9])
async def test_ten_thousand_queued_delay_no_job_of_another_that_has_nothing_waiting(
    redis: ArqRedis, priority: int
) -> None:
    """Not only its first job, and whatever the others' priority: it waits for one job of theirs at most."""
    await enter(redis, *many("a", 10_000, priority=priority))
    for _ in range(10):
        await fair_queue.take(redis, 4)
    await enter(redis, QueuedId("b0", "b"))
    assert await fair_queue.take(redis, 1) == ["b0"]
    for number in range(1, 10):
        await enter(redis, QueuedId(f"b{number}", "b"))
        assert f"b{number}" in await fair_queue.take(redis, 2)


async def test_a_tenant_that_was_not_served_for_a_round_is_next(redis: ArqRedis) -> None:
    await enter(redis, *(entry for tenant in "acdef" for entry in many(tenant, 100, priority=9)))
    for number in range(10):
        await fair_queue.take(redis, 7 + number)
        await enter(redis, QueuedId(f"b{number}", "b"))
        assert await fair_queue.take(redis, 1) == [f"b{number}"]


async def test_of_tenants_that_begin_to_wait_the_first_one_goes_first(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100))
    await fair_queue.take(redis, 10)
    await enter(redis, *(QueuedId(tenant, tenant) for tenant in "zyxw"))
    assert await fair_queue.take(redis, 4) == ["z", "y", "x", "w"]


async def test_two_tenants_with_long_queues_take_turns(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 300))
    await fair_queue.take(redis, 50)
    await enter(redis, *many("b", 20))
    taken = await fair_queue.take(redis, 20)
    assert Counter(id_[0] for id_ in taken) == {"a": 10, "b": 10}


async def test_weights_are_shares(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 300, weight=3), *many("b", 300))
    taken = await fair_queue.take(redis, 80)
    assert Counter(id_[0] for id_ in taken)["a"] == pytest.approx(60, abs=1)


async def test_one_tenants_jobs_go_in_order_of_acceptance(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100))
    assert await fair_queue.take(redis, 100) == [entry.id for entry in many("a", 100)]


async def test_a_level_of_priority_passes_so_many_jobs_and_no_more(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 10 * HEAD_START))
    await enter(redis, QueuedId("urgent", "a", priority=6))
    taken = await fair_queue.take(redis, 10 * HEAD_START + 1)
    assert taken.index("urgent") == pytest.approx(9 * HEAD_START, abs=1)


async def test_the_lowest_priority_waits_for_a_bounded_number_of_later_jobs(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 5))
    await enter(redis, QueuedId("patient", "a", priority=0))
    for number in range(6 * HEAD_START):
        await enter(redis, QueuedId(f"more{number}", "a"))
    taken = await fair_queue.take(redis, 7 * HEAD_START)
    assert taken.index("patient") <= 5 * HEAD_START + 6


async def test_urgent_jobs_do_not_change_a_tenants_share(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 1000, priority=9), *many("b", 1000))
    taken = await fair_queue.take(redis, 100)
    assert Counter(id_[0] for id_ in taken) == {"a": 50, "b": 50}


async def test_what_was_taken_before_does_not_wait_for_its_tenants_other_jobs(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100, priority=9))
    first, second = await fair_queue.take(redis, 2)
    await enter(redis, QueuedId(first, "a", goes_first=True), QueuedId(second, "a", goes_first=True))
    assert await fair_queue.take(redis, 2) == [first, second]


async def test_retries_cost_their_tenant_turns(redis: ArqRedis) -> None:
    """A tenant whose jobs are tried three times each has no larger share than others."""
    await enter(redis, *(QueuedId(f"a{number}", "a", goes_first=True) for number in range(100)))
    await fair_queue.take(redis, 1)
    await enter(redis, *many("b", 20))
    taken = await fair_queue.take(redis, 20)
    assert Counter(id_[0] for id_ in taken) == {"a": 10, "b": 10}


async def test_a_job_that_is_lost_after_it_was_taken_costs_its_tenant_a_second_turn(redis: ArqRedis) -> None:
    """Its worker died before it could claim the job, so the sweep puts it into the queue again."""
    await enter(redis, *many("a", 10), *many("b", 10))
    taken = await fair_queue.take(redis, 1)
    (lost,) = taken
    await enter(redis, QueuedId(lost, "a", goes_first=True))
    taken += await fair_queue.take(redis, 9)
    assert taken.count(lost) == 2
    assert Counter(id_[0] for id_ in taken) == {"a": 5, "b": 5}


async def test_a_turn_that_was_not_used_is_given_back_once(redis: ArqRedis) -> None:
    """As after parking: the tenant had its turn, and its cap did not let the job begin."""
    await enter(redis, *many("a", 20), *many("b", 20))
    unused, _, _ = await fair_queue.take(redis, 3)
    await enter(redis, QueuedId(unused, "a", goes_first=True, is_paid=True))
    assert (await fair_queue.take(redis, 2))[0] == unused
    many_unused = [QueuedId(f"unused{number}", "a", goes_first=True, is_paid=True) for number in range(10)]
    await enter(redis, *many_unused)
    taken = await fair_queue.take(redis, 10)
    assert sum(id_.startswith("b") for id_ in taken) >= 4, "a tenant gets no more than the turn of now"


async def test_what_was_queued_and_cancelled_costs_nothing(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 1000), *many("b", 1000))
    await fair_queue.take(redis, 10)
    await fair_queue.leave(redis, *(entry.id for entry in many("b", 1000)))
    await fair_queue.take(redis, 10)
    await enter(redis, QueuedId("b", "b"))
    assert await fair_queue.take(redis, 1) == ["b"]


async def test_what_waits_keeps_its_place_when_it_is_sent_again(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3))
    await enter(redis, *many("a", 1))
    assert await fair_queue.take(redis, 3) == ["a00000", "a00001", "a00002"]


async def test_after_a_flush_everybody_starts_anew(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100))
    await fair_queue.take(redis, 50)
    await redis.flushdb()
    await enter(redis, *many("a", 2), *many("b", 2))
    assert [id_[0] for id_ in await fair_queue.take(redis, 4)] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("lost", [fair_queue.TURNS, fair_queue.TENANTS])
async def test_nothing_is_stuck_when_a_part_of_the_keys_is_lost(redis: ArqRedis, lost: str) -> None:
    await enter(redis, *many("a", 3), *many("b", 3))
    await fair_queue.take(redis, 1)
    await redis.delete(lost)
    await enter(redis, *many("c", 3))
    assert len(await fair_queue.take(redis, 100)) == 8


async def test_an_empty_queue_remembers_nobody(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3), *many("b", 3))
    await fair_queue.take(redis, 6)
    await enter(redis, *many("c", 1))
    assert b"a:number" not in await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(fair_queue.TENANTS))
    await fair_queue.take(redis, 1)
    await enter(redis, *many("a", 1), *many("b", 1))
    assert await fair_queue.take(redis, 2) == ["a00000", "b00000"]


@pytest.mark.parametrize("weight", [1.0, 0.25])
async def test_who_is_moved_stands_where_he_would_had_he_come_with_that_priority(
    redis: ArqRedis, weight: float
) -> None:
    """In his tenant's part of the line: the turns of tenants stay as they were."""
    chance = random.Random(11)  # noqa: S311 - the same in every run
    for _ in range(10):
        first = [chance.randrange(10) for _ in range(200)]
        last = [chance.choice((one, chance.randrange(10))) for one in first]
        orders: list[list[str]] = []
        for priorities in (last, first):
            await redis.flushdb()
            await enter(redis, *many("b", 50))
            await enter(
                redis,
                *(QueuedId(f"a{number:05}", "a", weight, level) for number, level in enumerate(priorities)),
            )
            for number, level in enumerate(last):
                await fair_queue.move(redis, f"a{number:05}", levels=level - priorities[number])
            orders.append(await fair_queue.take(redis, 300))
        assert orders[0] == orders[1]


async def test_who_goes_first_or_is_not_there_is_not_moved(redis: ArqRedis) -> None:
    """A place before the tenant's own range would be a place in that of another tenant."""
    await enter(redis, *many("b", 3))
    await enter(redis, *many("a", 2), QueuedId("again", "a", goes_first=True))
    await fair_queue.move(redis, "again", levels=9)
    await fair_queue.move(redis, "never-there", levels=9)
    assert await fair_queue.take(redis, 10) == ["b00000", "again", "b00001", "a00000", "b00002", "a00001"]


async def test_who_leaves_is_not_taken(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3))
    await fair_queue.leave(redis, "a00001", "never-there")
    await fair_queue.leave(redis)
    assert await fair_queue.take(redis, 3) == ["a00000", "a00002"]


async def test_scripts_are_sent_again_to_a_redis_that_has_forgotten_them(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 1))
    await fair_queue.take(redis, 1)
    await redis.script_flush()
    await enter(redis, *many("a", 2))
    assert await fair_queue.take(redis, 2) == ["a00000", "a00001"]
