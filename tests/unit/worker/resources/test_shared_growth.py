"""To whom the growth of processes belongs that all pages share. Real processes stand for Chromium's."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from worker.resources.memory.page_memory import MIB, PageMemory
from worker.resources.memory.shared_growth import SharedGrowth

GROWN_MIB: Final = 60
NEARLY: Final = 0.9 * GROWN_MIB * MIB
LITTLE: Final = 0.1 * GROWN_MIB * MIB
# Longer than Chromium takes to free the memory of a closed page.
MUCH_LATER_S: Final = 10.0

PROGRAM: Final = """
import mmap, sys, time
kept = []
for line in sys.stdin:
    word, value = line.split()
    if word == "use":
        kept.append(bytearray(b"x" * (int(value) * 2**20)))
    elif word == "map":
        with open(value, "r+b") as file:
            kept.append(mmap.mmap(file.fileno(), 2**20))
    elif word == "work":
        began = time.process_time()
        while time.process_time() - began < float(value):
            pass
    print("done", flush=True)
"""


class Process:
    """A process that uses memory and CPU as it is told."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._child.pid
        self.tell("work", 0)

    def tell(self, word: str, value: object) -> None:
        """Do something, and return when it is done."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{word} {value}\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == "done\n"

    def end(self) -> None:
        self._child.kill()
        self._child.communicate()


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """One that all pages share, and the renderers of two pages."""
    started = [Process() for _ in range(3)]
    yield started
    for process in started:
        process.end()


def page_of(process: Process) -> PageMemory:
    page = PageMemory(frozenset((process.pid,)))
    page.new_page_faults()
    return page


def test_growth_belongs_to_the_page_that_made_new_data(processes: list[Process]) -> None:
    shared, first, second = processes
    making, waiting = page_of(first), page_of(second)
    growth = SharedGrowth()
    growth.restart([shared.pid])
    first.tell("use", GROWN_MIB)
    shared.tell("use", GROWN_MIB)
    growth.assign([shared.pid], [], [making, waiting], 0.0)
    assert making.shared_bytes > NEARLY
    assert waiting.shared_bytes < LITTLE


def test_growth_belongs_to_the_page_that_is_stopped_for_what_it_has_sent(processes: list[Process]) -> None:
    shared, first, second = processes
    stopped, loading = page_of(first), page_of(second)
    growth = SharedGrowth()
    growth.restart([shared.pid])
    second.tell("use", GROWN_MIB)
    shared.tell("use", GROWN_MIB)
    growth.assign([shared.pid], [], [stopped, loading], 0.0, stopped={stopped})
    assert stopped.shared_bytes > NEARLY
    assert loading.shared_bytes < LITTLE


def test_what_draws_grows_for_the_page_that_draws(processes: list[Process], tmp_path: Path) -> None:
    """It uploads the same bytes again and again, while another page is being loaded."""
    gpu, first, second = processes
    buffer = tmp_path / "org.chromium.Chromium.buffer"
    buffer.write_bytes(bytes(MIB))
    gpu.tell("map", buffer)
    first.tell("map", buffer)
    drawing, loading = page_of(first), page_of(second)
    growth = SharedGrowth()
    growth.restart([gpu.pid])
    second.tell("use", GROWN_MIB)
    gpu.tell("use", GROWN_MIB)
    growth.assign([gpu.pid], [gpu.pid], [drawing, loading], 0.0)
    assert drawing.shared_bytes > NEARLY
    assert loading.shared_bytes < LITTLE


@pytest.mark.parametrize("worked_s", [0.4, 0])
def test_what_an_end_does_not_free_belongs_to_the_page_that_was_busy(
    processes: list[Process], worked_s: float
) -> None:
    shared, first, second = processes
    short, lasting = page_of(first), page_of(second)
    growth = SharedGrowth()
    growth.restart([shared.pid])
    first.tell("use", GROWN_MIB)
    shared.tell("use", GROWN_MIB)
    growth.assign([shared.pid], [], [short, lasting], 0.0)
    growth.ended(short, [lasting], 0.0)
    second.tell("work", worked_s)
    growth.assign([shared.pid], [], [lasting], 1.0)
    assert lasting.shared_bytes < LITTLE, "it may still be freed"
    growth.assign([shared.pid], [], [lasting], MUCH_LATER_S)
    assert (lasting.shared_bytes > NEARLY) is (worked_s > 0)
