"""How the renderer of a page is found."""

import asyncio
import subprocess
import sys

from worker.resources.chromium_processes import BrowserProcesses
from worker.resources.memory.memory_guard import NewRenderer

# A browser, its zygote, and two renderers. One of them shows the mark half a second after it was asked to.
TREE = """
import os, subprocess, sys, threading, time

def start(kind, *words):
    return subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1], *words, f"--type={kind}"])

def show_mark():
    time.sleep(0.5)
    with open("/proc/thread-self/comm", "w") as file: file.write("CPUThrottlingTh")
    sys.stdin.read()

if sys.argv[-1] == "browser":
    start("zygote").wait()
elif sys.argv[-1].endswith("zygote"):
    other, marked = start("renderer", "other"), start("renderer", "marked")
    other.wait(), marked.wait()
else:
    if sys.argv[2] == "marked": threading.Thread(target=show_mark).start()
    os.write(1, f"{os.getpid()} {sys.argv[2]}\\n".encode())  # in one piece: the other writes, too
    sys.stdin.read()
"""


def test_the_renderer_of_a_page_is_found_however_late_its_mark_shows() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TREE, TREE, "browser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as browser:
        assert browser.stdout is not None
        started = [browser.stdout.readline().split() for _ in range(2)]
        (marked,) = (int(pid) for pid, word in started if word == b"marked")
        new_renderer = NewRenderer(BrowserProcesses(browser.pid))
        asyncio.run(new_renderer.find_by_mark())
        assert new_renderer.memory.renderers == {marked}
