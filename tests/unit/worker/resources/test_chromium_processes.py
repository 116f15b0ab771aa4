"""What the kernel tells of a process's memory."""

import subprocess
import sys

from worker.resources.chromium_processes import ProcessMemory, read_memory
from worker.resources.page_memory import MIB

# Takes memory, lets it go, and stays to be looked at.
COMES_AND_GOES = """
import sys
kept = bytearray(80 * 1024 * 1024)
for at in range(0, len(kept), 4096): kept[at] = 1
del kept
print("gone", flush=True)
sys.stdin.read()
"""


def memory_of_one_that_let_go() -> ProcessMemory | None:
    with subprocess.Popen(
        [sys.executable, "-c", COMES_AND_GOES], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return read_memory(process.pid)


def test_memory_that_came_and_went_between_two_looks_is_in_the_peak() -> None:
    memory = memory_of_one_that_let_go()
    assert memory is not None
    assert memory.own_bytes < 60 * MIB
    assert 80 * MIB < memory.peak_bytes < 110 * MIB


def test_a_process_that_has_ended_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    try:
        process.wait()
        assert read_memory(process.pid) is None
    finally:
        process.kill()
