"""Who is next: tenants share by weight, priority moves a bounded distance, nobody starves."""

from collections import Counter

import pytest
from arq.connections import ArqRedis

from fleet.queue import arq_adapter, fair_queue
from fleet.queue.fair_queue import HEAD_START, Entry


async def enter(redis: ArqRedis, *entries: Entry) -> None:
    await arq_adapter.send(redis, entries)


def many(flow: str, count: int, *, weight: float = 1.0, priority: int = 5) -> list[Entry]:
    return [Entry(f"{flow}{number:05}", flow, weight, priority) for number in range(count)]


@pytest.mark.parametrize("priority", [0, 5, 9])
async def test_ten_thousand_queued_delay_anothers_single_job_by_nothing(
    redis: ArqRedis, priority: int
) -> None:
    """Whatever the others' priority: what is behind the slots that are busy is one job at most."""
    await enter(redis, *many("a", 10_000, priority=priority))
    for _ in range(10):
        await fair_queue.take(redis, 4)
    await enter(redis, Entry("b", "b"))
    assert await fair_queue.take(redis, 1) == ["b"]


async def test_two_long_lines_are_served_in_turns(redis: ArqRedis) -> None:
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
    await enter(redis, Entry("urgent", "a", priority=6))
    taken = await fair_queue.take(redis, 10 * HEAD_START + 1)
    assert taken.index("urgent") == pytest.approx(9 * HEAD_START, abs=1)


async def test_the_lowest_priority_waits_for_a_bounded_number_of_later_jobs(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 5))
    await enter(redis, Entry("patient", "a", priority=0))
    for number in range(6 * HEAD_START):
        await enter(redis, Entry(f"more{number}", "a"))
    taken = await fair_queue.take(redis, 7 * HEAD_START)
    assert taken.index("patient") <= 5 * HEAD_START + 6


async def test_urgent_jobs_do_not_change_a_tenants_share_for_long(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 1000, priority=9), *many("b", 1000))
    taken = await fair_queue.take(redis, 1000)
    lead = 4 * HEAD_START
    assert Counter(id_[0] for id_ in taken)["b"] >= (1000 - lead) / 2 - 1


async def test_what_was_taken_before_does_not_wait_again(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100))
    [first] = await fair_queue.take(redis, 1)
    await enter(redis, Entry(first, "a", has_paid=True))
    assert await fair_queue.take(redis, 1) == [first]


async def test_what_is_in_line_keeps_its_place_when_it_is_sent_again(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3))
    await enter(redis, *many("a", 1))
    assert await fair_queue.take(redis, 3) == ["a00000", "a00001", "a00002"]


async def test_after_a_flush_everybody_starts_anew(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 100))
    await fair_queue.take(redis, 50)
    await redis.flushall()
    await enter(redis, *many("a", 2), *many("b", 2))
    assert [id_[0] for id_ in await fair_queue.take(redis, 4)] == ["a", "b", "a", "b"]


async def test_an_empty_line_remembers_nobody(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3), *many("b", 3))
    assert await redis.exists(fair_queue.TAGS) == 1
    await fair_queue.take(redis, 6)
    assert await redis.exists(fair_queue.TAGS) == 0
    await enter(redis, *many("a", 1), *many("b", 1))
    assert await fair_queue.take(redis, 2) == ["a00000", "b00000"]


async def test_who_leaves_is_not_taken(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 3))
    await fair_queue.leave(redis, "a00001")
    await fair_queue.leave(redis, "never-there")
    assert await fair_queue.take(redis, 3) == ["a00000", "a00002"]


async def test_scripts_are_sent_again_to_a_redis_that_has_forgotten_them(redis: ArqRedis) -> None:
    await enter(redis, *many("a", 1))
    await fair_queue.take(redis, 1)
    await redis.script_flush()
    await enter(redis, *many("a", 2))
    assert await fair_queue.take(redis, 2) == ["a00000", "a00001"]
