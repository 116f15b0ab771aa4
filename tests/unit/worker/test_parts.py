"""Parts start in their order and stop in the reverse one, whatever one of them does."""

import asyncio

import pytest

from worker.parts import Part, Parts


class History:
    """What happened to parts, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def part(self, name: str) -> Part:
        return Part(
            name,
            start=lambda: self.events.append(f"{name} started"),
            stop=lambda: self.events.append(f"{name} stopped"),
        )


@pytest.fixture
def history() -> History:
    return History()


async def fail() -> None:
    raise RuntimeError("no")


async def test_they_stop_in_the_reverse_order_and_once(history: History) -> None:
    parts = Parts()
    await parts.start([history.part("a"), history.part("b")])
    await parts.stop()
    await parts.stop()
    assert history.events == ["a started", "b started", "b stopped", "a stopped"]


async def test_what_fails_to_start_is_not_stopped_but_what_started_before_is(history: History) -> None:
    parts = Parts()
    broken = Part("broken", start=fail, stop=lambda: history.events.append("broken stopped"))
    with pytest.raises(RuntimeError):
        await parts.start([history.part("a"), history.part("b"), broken, history.part("c")])
    await parts.stop()
    assert history.events == ["a started", "b started", "b stopped", "a stopped"]


async def test_a_start_that_is_cancelled_stops_what_has_started(history: History) -> None:
    waiting = asyncio.Event()

    async def wait_for_ever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    start = asyncio.create_task(Parts().start([history.part("a"), Part("slow", start=wait_for_ever)]))
    await waiting.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert history.events == ["a started", "a stopped"]


async def test_a_part_that_does_not_stop_keeps_no_other_one_running(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = Parts()
    await parts.start([history.part("a"), Part("broken", stop=fail), history.part("b")])
    await parts.stop()
    assert history.events == ["a started", "b started", "b stopped", "a stopped"]
    assert "broken" in "".join(capsys.readouterr())


async def test_a_part_may_have_nothing_to_start_or_nothing_to_stop(history: History) -> None:
    parts = Parts()
    await parts.start([Part("idle"), history.part("a")])
    await parts.stop()
    assert history.events == ["a started", "a stopped"]
