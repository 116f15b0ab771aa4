"""A caller's pause: woken, over, or hung up, whichever comes first, in any order and also at once."""

import asyncio
import time

import pytest

from api.http.hang_up import CallPause
from tests.kit.patience import PATIENCE_S


class Line:
    """The receiving end of a call, as a server gives it."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[str] = asyncio.Queue()

    def say(self, type_: str) -> None:
        self._messages.put_nowait(type_)

    async def receive(self) -> dict[str, str]:
        return {"type": await self._messages.get()}


@pytest.fixture
def line() -> Line:
    return Line()


async def pausing(pause: CallPause, line: Line, *, timeout_s: float = 30) -> asyncio.Task[bool]:
    task = asyncio.create_task(pause.wait(timeout_s=timeout_s, receive=line.receive))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_a_wake_ends_the_pause_at_once(line: Line) -> None:
    pause = CallPause()
    task = await pausing(pause, line)
    pause.wake()
    assert await asyncio.wait_for(task, timeout=PATIENCE_S) is True


async def test_a_wake_before_the_pause_is_not_lost_and_counts_once(line: Line) -> None:
    pause = CallPause()
    pause.wake()
    pause.wake()
    assert (
        await asyncio.wait_for(pause.wait(timeout_s=2 * PATIENCE_S, receive=line.receive), timeout=PATIENCE_S)
        is True
    )
    await pausing(pause, line, timeout_s=0.01)


async def test_the_pause_ends_in_time(line: Line) -> None:
    started = time.monotonic()
    assert await CallPause().wait(timeout_s=0.05, receive=line.receive) is True
    assert 0.04 < time.monotonic() - started < PATIENCE_S


async def test_hanging_up_ends_the_pause_and_the_rest_of_a_body_does_not(line: Line) -> None:
    task = await pausing(CallPause(), line)
    line.say("http.request")
    await asyncio.sleep(0)
    assert not task.done()
    line.say("http.disconnect")
    assert await asyncio.wait_for(task, timeout=PATIENCE_S) is False


async def test_a_wake_and_another_and_the_end_of_the_time_together_are_one(line: Line) -> None:
    pause = CallPause()
    task = await pausing(pause, line, timeout_s=0.01)
    time.sleep(0.02)  # noqa: ASYNC251 - the loop finds time and wakes due in the same turn
    pause.wake()
    pause.wake()
    assert await asyncio.wait_for(task, timeout=PATIENCE_S) is True
    task = await pausing(pause, line)
    pause.wake()
    assert await asyncio.wait_for(task, timeout=PATIENCE_S) is True


async def test_a_wake_after_the_time_was_over_does_no_harm(line: Line) -> None:
    pause = CallPause()
    task = asyncio.create_task(pause.wait(timeout_s=0, receive=line.receive))
    await asyncio.sleep(0)  # it pauses, and its time is over before it runs again
    for _ in range(3):
        pause.wake()
        await asyncio.sleep(0)
    assert await asyncio.wait_for(task, timeout=PATIENCE_S) is True


async def test_a_cancelled_caller_is_cancelled_also_while_it_is_woken(line: Line) -> None:
    pause = CallPause()
    task = await pausing(pause, line)
    pause.wake()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pause = CallPause()
    task = await pausing(pause, line)
    task.cancel()
    await asyncio.sleep(0)
    pause.wake()
    with pytest.raises(asyncio.CancelledError):
        await task
