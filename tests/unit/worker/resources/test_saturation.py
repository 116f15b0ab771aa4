"""Which page is stopped within a moment: its main thread and that of a shared process are hardly ever idle.

The threads and the clock are made up; test_busy_main_threads.py has real ones.
"""

from collections.abc import Sequence
from typing import Final

import pytest

from worker.resources.memory.page_memory import PageMemory
from worker.resources.saturation import Saturation

STEP_S: Final = 0.1
# Process ids.
BROWSER: Final = 1
NETWORK: Final = 2
PAGE: Final = 3
OTHER: Final = 4


class Threads:
    """Threads that are busy for a share of the time, and a clock."""

    def __init__(self) -> None:
        self._busy_s = dict.fromkeys((BROWSER, NETWORK, PAGE, OTHER), 7.0)
        self._now = 1000.0
        self.page, self.other = PageMemory(frozenset((PAGE,))), PageMemory(frozenset((OTHER,)))
        self.stopped: tuple[PageMemory, ...] = ()
        self.cpu_s = 0.3
        self.saturation = Saturation(wanted_s=lambda thread: self._busy_s[thread], cpu_s=lambda _: self.cpu_s)
        self.look()

    def look(self) -> PageMemory | None:
        """Look once; the page that is named."""
        pages = (self.page, self.other)
        self.saturation.check(self._now, (BROWSER, NETWORK), pages, stopped=self.stopped)
        return self.saturation.sender

    def step(self, step_s: float = STEP_S, **shares: float) -> PageMemory | None:
        """Let time pass in which threads are busy for these shares of it, and look."""
        self._now += step_s
        ids = {"browser": BROWSER, "network": NETWORK, "page": PAGE, "other": OTHER}
        for name, share in shares.items():
            self._busy_s[ids[name]] += share * step_s
        return self.look()

    def steps(self, *shares: dict[str, float]) -> Sequence[PageMemory | None]:
        """What each of these steps names."""
        return [self.step(**one) for one in shares]


FLOOD: Final = {"browser": 1.0, "page": 1.0}
CALM: Final = {"browser": 0.1, "page": 0.1, "other": 0.1}


@pytest.mark.parametrize("thread", ["browser", "network"])
def test_a_flood_is_named_two_tenths_of_a_second_after_its_begin(thread: str) -> None:
    threads = Threads()
    assert threads.steps(CALM, CALM, CALM) == [None] * 3
    assert threads.steps(*[{thread: 1.0, "page": 1.0}] * 2) == [None, threads.page]


def test_a_flood_that_begins_between_two_looks_needs_no_third_one() -> None:
    threads = Threads()
    threads.steps(CALM, CALM)
    half = {"browser": 0.65, "page": 0.65}
    assert threads.steps(half, FLOOD) == [None, threads.page]


def test_a_single_busy_step_names_nobody() -> None:
    """A page that loads much at once."""
    threads = Threads()
    assert threads.steps(CALM, CALM, FLOOD, CALM, FLOOD, CALM) == [None] * 6


def test_nobody_is_named_who_is_idle_for_a_quarter_of_the_time() -> None:
    threads = Threads()
    assert threads.steps(*[{"browser": 1.0, "page": 0.75}] * 5) == [None] * 5
    assert threads.saturation.is_saturated


def test_nobody_is_named_while_the_shared_threads_keep_up() -> None:
    threads = Threads()
    assert threads.steps(*[{"browser": 0.75, "network": 0.75, "page": 1.0}] * 5) == [None] * 5
    assert not threads.saturation.is_saturated


def test_nobody_is_named_of_two_that_are_busy() -> None:
    threads = Threads()
    assert threads.steps(*[{"browser": 1.0, "page": 1.0, "other": 0.4}] * 3) == [None] * 3
    assert threads.steps(*[{"browser": 1.0, "page": 1.0, "other": 0.3}] * 2) == [None, threads.page]


async def test_nobody_is_named_while_a_large_picture_is_taken() -> None:
    threads = Threads()
    await threads.other.expect_picture(40_000_000)
    assert threads.steps(*[FLOOD] * 3) == [None] * 3
    threads.other.end_picture()
    assert threads.step(**FLOOD) is threads.page


def test_who_is_stopped_is_not_named_again() -> None:
    threads = Threads()
    assert threads.steps(FLOOD, FLOOD)[-1] is threads.page
    assert threads.steps(*[{"browser": 1.0}] * 2) == [None] * 2
    assert threads.saturation.is_saturated


def test_a_page_that_only_loads_is_not_named_beside_a_flood_that_is_stopped() -> None:
    """The flood is idle then, and the browser works on what it has sent."""
    threads = Threads()
    threads.steps(FLOOD, FLOOD)
    threads.stopped = (threads.page,)
    loading = {"browser": 1.0, "other": 1.0}
    assert threads.steps(*[loading] * 4) == [None] * 4
    threads.cpu_s = 0.6  # it goes on: a second flood
    assert threads.step(**loading) is threads.other
    threads.cpu_s, threads.stopped = 0.3, ()
    assert threads.step(**loading) is threads.other


def test_a_page_that_waits_for_a_core_and_has_hardly_run_is_not_named() -> None:
    """It cannot have sent much; the browser works on what a page that has ended has left."""
    threads = Threads()
    threads.cpu_s = 0.1
    assert threads.steps(*[FLOOD] * 4) == [None] * 4
    assert threads.saturation.is_saturated
    threads.cpu_s = 0.2
    assert threads.step(**FLOOD) is threads.page


def test_a_page_that_has_just_begun_is_not_named() -> None:
    """What its thread has done before, and the work of those before it, are not its own."""
    threads = Threads()
    threads.steps(FLOOD, FLOOD)
    threads.page = PageMemory(frozenset((PAGE,)))
    assert threads.steps(FLOOD, FLOOD, FLOOD) == [None, None, threads.page]


def test_after_a_pause_it_begins_anew() -> None:
    threads = Threads()
    threads.steps(CALM, CALM)
    threads.step(60.0)
    threads.saturation.restart()
    assert not threads.saturation.is_saturated
    assert threads.steps(FLOOD, FLOOD, FLOOD) == [None, None, threads.page]


def test_a_slow_machine_that_looks_seldom_judges_the_time_that_has_passed() -> None:
    threads = Threads()
    threads.step(1.0, **FLOOD)
    assert threads.step(2.0, **FLOOD) is threads.page
