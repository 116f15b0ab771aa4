"""Who is blamed for the CPU of processes that all pages share: the page that was busy meanwhile.

Real processes stand for renderers and for the browser. The clock runs with the CPU time of the one that all
share, so that it makes no difference how busy the machine is.
"""

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from worker.resources.memory.page_memory import PageMemory
from worker.resources.shared_cpu import LIMIT_S, SharedCpu

END_S = 60.0


@pytest.fixture
def busy() -> Iterator[list[int]]:
    """Two processes in endless loops."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield [loop.pid for loop in loops]
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.fixture
def idle() -> Iterator[int]:
    """A process that does nothing."""
    sleeper = subprocess.Popen(["sleep", "600"])
    yield sleeper.pid
    sleeper.kill()
    sleeper.wait()


def look(cpu: SharedCpu, shared: int, pages: list[PageMemory], *, for_s: float) -> PageMemory | None:
    """Look again and again until a page is blamed, or the shared process took so much CPU."""
    process = psutil.Process(shared)
    began_s, deadline = process.cpu_times().user, time.monotonic() + END_S
    while (spent_s := process.cpu_times().user - began_s) < for_s and time.monotonic() < deadline:
        blamed = cpu.check(1000 + 1.2 * spent_s, [shared], pages)
        if blamed is not None:
            return blamed
        time.sleep(0.01)
    return None


def test_the_page_that_was_busy_is_blamed(busy: list[int], idle: int) -> None:
    browser, renderer = busy
    flooding, patient = PageMemory(frozenset((renderer,))), PageMemory(frozenset((idle,)))
    cpu = SharedCpu()
    assert look(cpu, browser, [patient, flooding], for_s=8) is flooding
    assert cpu.busiest() is flooding


def test_nobody_is_blamed_for_what_no_page_did(busy: list[int], idle: int) -> None:
    assert look(SharedCpu(), busy[0], [PageMemory(frozenset((idle,)))], for_s=2 * LIMIT_S) is None


async def test_nobody_is_blamed_while_a_large_picture_is_taken(busy: list[int], idle: int) -> None:
    browser, renderer = busy
    drawing, neighbour = PageMemory(frozenset((idle,))), PageMemory(frozenset((renderer,)))
    await drawing.expect_picture(40_000_000)
    cpu = SharedCpu()
    assert look(cpu, browser, [drawing, neighbour], for_s=2 * LIMIT_S) is None
    assert cpu.busiest() is None


def test_who_floods_and_waits_is_blamed_for_the_silence_and_not_who_has_just_begun(
    busy: list[int], idle: int
) -> None:
    """The browser process still works on what a page has sent, and another page is being loaded."""
    browser, renderer = busy
    loading = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    flooding, patient = PageMemory(frozenset((renderer,))), PageMemory(frozenset((idle,)))
    cpu = SharedCpu()
    try:
        assert look(cpu, browser, [flooding, patient], for_s=1.0) is None
        psutil.Process(renderer).suspend()
        began = PageMemory(frozenset((loading.pid,)))
        assert look(cpu, browser, [flooding, patient, began], for_s=0.2) is None
        assert cpu.busiest() is flooding
    finally:
        loading.kill()
        loading.wait()
