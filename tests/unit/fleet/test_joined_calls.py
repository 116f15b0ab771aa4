"""Calls that come at the same time are done together, and each gets what belongs to it."""

import asyncio

import pytest

from fleet.joined_calls import JoinedCalls, Pace


class Work:
    """Adds one to each number, when it is let go on."""

    def __init__(self, *, most: int = 100) -> None:
        self.done: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.raises: Exception | None = None
        self.calls = JoinedCalls(self._add, Pace(), most=most)

    async def _add(self, numbers: list[int]) -> list[int | Exception]:
        self.done.append(numbers)
        await self.may_go_on.wait()
        if self.raises:
            raise self.raises
        return [ValueError(f"{number} is negative") if number < 0 else number + 1 for number in numbers]

    async def begun(self, *numbers: int) -> list[asyncio.Task[int]]:
        """Calls for these numbers, each of which waits."""
        begun = [asyncio.create_task(self.calls.call(number)) for number in numbers]
        await asyncio.sleep(0)  # each runs until it waits
        return begun


async def test_calls_that_come_during_one_are_done_together_after_it() -> None:
    work = Work()
    begun = await work.begun(1, 2, 3)
    assert work.done == [[1]]
    work.may_go_on.set()
    assert await asyncio.gather(*begun) == [2, 3, 4]
    assert work.done == [[1], [2, 3]]


async def test_calls_one_after_the_other_wait_for_nobody() -> None:
    work = Work()
    work.may_go_on.set()
    assert [await work.calls.call(number) for number in (1, 2)] == [2, 3]
    assert work.done == [[1], [2]]


async def test_where_the_work_takes_long_calls_wait_less_for_each_other() -> None:
    work = Work()
    begun = await work.begun(1)
    await asyncio.sleep(0.02)  # it takes so long, as with a slow disk
    work.may_go_on.set()
    work.may_go_on.clear()
    await asyncio.gather(*begun)
    begun = await work.begun(2, 3, 4)
    assert work.done == [[1], [2], [3]]
    work.may_go_on.set()
    assert await asyncio.gather(*begun) == [3, 4, 5]


async def test_no_more_than_so_many_are_done_together() -> None:
    work = Work(most=2)
    begun = await work.begun(1, 2, 3, 4)
    work.may_go_on.set()
    assert await asyncio.gather(*begun) == [2, 3, 4, 5]
    assert work.done == [[1], [2, 3], [4]]


async def test_the_error_of_one_is_raised_in_its_call_only() -> None:
    work = Work()
    begun = await work.begun(1, -2, 3)
    work.may_go_on.set()
    first, second, third = await asyncio.gather(*begun, return_exceptions=True)
    assert (first, str(second), third) == (2, "-2 is negative", 4)
    with pytest.raises(ValueError, match="-5 is negative"):
        await work.calls.call(-5)


async def test_an_error_of_the_work_is_raised_in_each_call_and_the_next_ones_are_done() -> None:
    work = Work()
    begun = await work.begun(1, 2, 3)
    work.raises = OSError("it does not answer")
    work.may_go_on.set()
    ended = await asyncio.gather(*begun, return_exceptions=True)
    assert [str(error) for error in ended] == ["it does not answer"] * 3
    work.raises = None
    assert await work.calls.call(4) == 5


async def test_a_call_that_is_cancelled_while_it_waits_is_not_done() -> None:
    work = Work()
    first, second, third = await work.begun(1, 2, 3)
    second.cancel()
    work.may_go_on.set()
    assert [await first, await third] == [2, 4]
    assert work.done == [[1], [3]]


async def test_a_call_that_is_cancelled_while_it_is_done_keeps_no_other_waiting() -> None:
    work = Work()
    first, *others = await work.begun(1, 2, 3)
    first.cancel()
    await asyncio.wait((first,))
    work.may_go_on.set()
    assert await asyncio.gather(*others) == [3, 4]

    work.may_go_on.clear()
    first, second, third = await work.begun(4, 5, 6)
    work.may_go_on.set()
    work.may_go_on.clear()  # only who waits goes on
    assert await first == 5
    await asyncio.sleep(0)
    assert work.done[-1] == [5, 6]
    second.cancel()
    work.may_go_on.set()
    assert await third == 7
    assert second.cancelled()
