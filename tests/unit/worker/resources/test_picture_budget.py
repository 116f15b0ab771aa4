"""Large pictures wait for each other's memory; small ones wait for nobody."""

import asyncio

import pytest

from fleet.errors import ErrorType, RenderError
from worker.resources.memory.picture_budget import (
    LARGE_PIXELS,
    LARGEST_MIB,
    LEAST_MIB,
    PictureBudget,
    picture_budget_mib,
)

GIB = 2**30
LARGEST = 40_000_000
HALF = 16_000_000


def begin(budget: PictureBudget, pixels: float) -> "asyncio.Task[int]":
    return asyncio.create_task(budget.take(pixels))


async def passed(task: "asyncio.Task[int]") -> bool:
    """Whether it has its memory, after all that can go on without anybody's help has gone on."""
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()


async def test_one_of_the_largest_goes_at_once_and_a_second_one_after_it() -> None:
    budget = PictureBudget(LARGEST_MIB)
    taken = await budget.take(LARGEST)
    second = begin(budget, LARGEST)
    assert not await passed(second)
    budget.give_back(taken)
    assert await second == taken


async def test_small_pictures_wait_for_nobody() -> None:
    budget = PictureBudget(LARGEST_MIB)
    await budget.take(LARGEST)
    assert await budget.take(LARGE_PIXELS) == 0


async def test_several_that_fit_together_are_taken_together() -> None:
    budget = PictureBudget(LARGEST_MIB)
    await budget.take(HALF)
    assert await passed(begin(budget, HALF))
    assert not await passed(begin(budget, HALF))


async def test_who_waits_is_passed_by_nobody_and_leaves_no_gap_when_it_gives_up() -> None:
    budget = PictureBudget(LARGEST_MIB)
    await budget.take(HALF)
    first, second = begin(budget, LARGEST), begin(budget, HALF)
    assert not await passed(first)
    assert not await passed(second)
    first.cancel()
    assert await passed(second)


async def test_memory_of_a_job_that_is_cancelled_at_its_turn_is_free_again() -> None:
    budget = PictureBudget(LARGEST_MIB)
    taken = await budget.take(LARGEST)
    waiting = begin(budget, LARGEST)
    assert not await passed(waiting)
    budget.give_back(taken)
    waiting.cancel()  # before it has gone on
    assert await passed(waiting)
    assert await passed(begin(budget, LARGEST))


async def test_a_picture_that_never_fits_is_refused_with_figures() -> None:
    with pytest.raises(RenderError) as caught:
        await PictureBudget(LEAST_MIB).take(LARGEST)
    assert caught.value.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert "40,000,000 pixels takes about 763 MiB" in caught.value.detail
    assert f"may take {LEAST_MIB} MiB" in caught.value.detail


@pytest.mark.parametrize(
    ("container_gib", "slots", "expected_mib"),
    [(0.5, 1, 192), (1, 4, 512), (2, 4, LARGEST_MIB), (0.25, 1, 160)],
)
def test_a_small_container_has_less_for_pictures(container_gib: float, slots: int, expected_mib: int) -> None:
    assert picture_budget_mib(None, container_bytes=int(container_gib * GIB), slots=slots) == expected_mib


def test_what_the_operator_asks_for_is_taken_as_it_is() -> None:
    assert picture_budget_mib(2048, container_bytes=GIB // 2, slots=4) == 2048
