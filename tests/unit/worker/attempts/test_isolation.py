"""Who renders beside whom: a lone attempt beside nobody, whatever order they come in."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.attempts.isolation import Isolation

Place = Callable[[], AbstractAsyncContextManager[None]]


class Hold:
    """What the carrier is told."""

    def __init__(self) -> None:
        self.is_held = False

    def hold(self) -> None:
        self.is_held = True

    def release(self) -> None:
        self.is_held = False


async def turns(count: int) -> None:
    """Let everything that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def played(alone: list[bool], ends: list[int]) -> None:
    """Begin attempts in order, end them in the given order of those that render, and check at each step."""
    hold = Hold()
    isolation = Isolation(hold=hold.hold, release=hold.release)
    rendering: dict[int, asyncio.Event] = {}

    async def attempt(number: int) -> None:
        async with isolation.rendering(alone=alone[number]):
            rendering[number] = asyncio.Event()
            assert len(rendering) == 1 or not any(alone[other] for other in rendering)
            await rendering[number].wait()
            del rendering[number]

    tasks = [asyncio.create_task(attempt(number)) for number in range(len(alone))]
    done = 0
    while done < len(alone):
        await turns(20)
        waiting_alone = [n for n, task in enumerate(tasks) if alone[n] and not task.done()]
        assert hold.is_held == bool(waiting_alone)
        assert rendering, "nobody renders although somebody waits"
        chosen = sorted(rendering)[ends[done] % len(rendering)]
        rendering[chosen].set()
        await tasks[chosen]
        done += 1
    assert not hold.is_held


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_lone_attempt_is_alone_and_everybody_gets_a_place(data: st.DataObject) -> None:
    alone = data.draw(st.lists(st.booleans(), min_size=1, max_size=8))
    ends = data.draw(st.lists(st.integers(0, 7), min_size=len(alone), max_size=len(alone)))
    asyncio.run(played(alone, ends))


async def test_a_lone_attempt_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    hold = Hold()
    isolation = Isolation(hold=hold.hold, release=hold.release)

    async def lone() -> None:
        async with isolation.rendering(alone=True):
            raise AssertionError("somebody else renders")

    async with isolation.rendering(alone=False):
        waiting = asyncio.create_task(lone())
        await turns(5)
        assert hold.is_held
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not hold.is_held
        async with asyncio.timeout(1), isolation.rendering(alone=False):
            assert waiting.cancelled()
