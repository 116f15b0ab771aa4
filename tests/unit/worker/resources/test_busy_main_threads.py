"""Which page is stopped within a moment: its main thread and the browser's are hardly ever idle.

With real threads; test_saturation.py has the rules.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.kit.patience import PATIENCE_S
from worker.resources.chromium_processes import read_wanted_s
from worker.resources.memory.page_memory import PageMemory
from worker.resources.saturation import Saturation

pytestmark = pytest.mark.skipif(read_wanted_s(os.getpid()) == 0, reason="this kernel does not count it")

STEP_S: Final = 0.25
LOOP: Final = "print(flush=True)\nwhile True: pass"
SLEEP: Final = "import time; print(flush=True); time.sleep(600)"


@contextmanager
def running(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it has started
            yield process.pid
        finally:
            process.kill()


def sender(browser: int, pages: list[PageMemory]) -> PageMemory | None:
    """Who is named after three looks, between which the first page's renderer was busy for `STEP_S` each."""
    saturation = Saturation(cpu_s=lambda _: 1.0)  # on a busy machine it comes to that much later
    saturation.check(time.monotonic(), [browser], pages)
    (renderer,) = pages[0].renderers
    for _ in range(2):
        until, deadline = read_wanted_s(renderer) + STEP_S, time.monotonic() + PATIENCE_S
        while read_wanted_s(renderer) < until and time.monotonic() < deadline:
            time.sleep(0.005)
        saturation.check(time.monotonic(), [browser], pages)
    return saturation.sender


def test_who_sends_all_the_time_to_a_browser_that_is_never_idle_is_named_at_once() -> None:
    with running(LOOP) as browser, running(LOOP) as busy, running(SLEEP) as idle:
        flooding, patient = PageMemory(frozenset((busy,))), PageMemory(frozenset((idle,)))
        assert sender(browser, [flooding, patient]) is flooding


def test_nobody_is_named_while_the_browser_has_time() -> None:
    with running(SLEEP) as browser, running(LOOP) as busy:
        assert sender(browser, [PageMemory(frozenset((busy,)))]) is None


def test_nobody_is_named_of_two_that_are_as_busy() -> None:
    with running(LOOP) as browser, running(LOOP) as busy, running(LOOP) as other:
        assert sender(browser, [PageMemory(frozenset((busy,))), PageMemory(frozenset((other,)))]) is None
