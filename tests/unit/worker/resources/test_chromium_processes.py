"""What the kernel tells of Chromium's processes and their memory."""

import subprocess
import sys

from worker.resources.chromium_processes import BrowserProcesses, ProcessMemory, read_memory
from worker.resources.memory.page_memory import MIB

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


# A browser with a zygote, and a process that the zygote has made and that has its command line until it is
# told to be a renderer.
NEWBORN = """
import os, subprocess, sys

def words(kind):
    return [sys.executable, "-c", sys.argv[1], sys.argv[1], f"--type={kind}"]

if sys.argv[-1] == "browser":
    subprocess.Popen(words("zygote")).wait()
elif sys.argv[-1].endswith("zygote"):
    if newborn := os.fork():
        print(newborn, flush=True)
        os.waitpid(newborn, 0)
    else:
        sys.stdin.readline()
        os.execv(sys.executable, words("renderer"))
else:
    print("is a renderer", flush=True)
    sys.stdin.read()
"""


def test_a_renderer_that_was_met_in_its_first_moment_is_known_as_one_from_its_next() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NEWBORN, NEWBORN, "browser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as browser:
        assert browser.stdin is not None
        assert browser.stdout is not None
        newborn = int(browser.stdout.readline())
        processes = BrowserProcesses(browser.pid)
        assert processes.renderers() == frozenset()
        browser.stdin.write(b"be a renderer\n")
        browser.stdin.flush()
        assert browser.stdout.readline() == b"is a renderer\n"
        assert processes.renderers() == {newborn}
