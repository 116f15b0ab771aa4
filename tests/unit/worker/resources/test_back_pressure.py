"""A page that sends too much is stopped until that has been handled. A real process is its renderer."""

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
import structlog
from prometheus_client import REGISTRY

from tests.kit.patience import PATIENCE_S
from worker.resources.back_pressure import LONGEST_STOP_S, BackPressure
from worker.resources.memory.page_memory import PageMemory


@pytest.fixture
def page() -> Iterator[PageMemory]:
    """A page whose renderer is in an endless loop."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield PageMemory(frozenset((loop.pid,)))
    loop.kill()
    loop.wait()


def require(page: PageMemory, *, is_stopped: bool) -> None:
    """Wait until the page is stopped or goes on: a signal takes effect a moment after it was sent."""
    (pid,) = page.renderers
    deadline = time.monotonic() + PATIENCE_S
    while (psutil.Process(pid).status() == psutil.STATUS_STOPPED) is not is_stopped:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_sender_is_stopped_until_the_shared_processes_have_nothing_to_do(page: PageMemory) -> None:
    pressure = BackPressure()
    pressure.update(1.0, page, are_busy=True)
    require(page, is_stopped=True)
    assert pressure.stopped_processes() == page.renderers
    pressure.update(1.2, None, are_busy=True)
    require(page, is_stopped=True)
    pressure.update(1.4, None, are_busy=False)
    require(page, is_stopped=False)
    assert page not in pressure


def test_nobody_is_stopped_for_long_because_others_keep_the_processes_busy(page: PageMemory) -> None:
    pressure = BackPressure()
    pressure.update(1.0, page, are_busy=True)
    pressure.update(1.0 + LONGEST_STOP_S + 0.1, None, are_busy=True)
    require(page, is_stopped=False)


def test_a_page_that_is_to_be_closed_goes_on_first(page: PageMemory) -> None:
    pressure = BackPressure()
    pressure.update(1.0, page, are_busy=True)
    pressure.release(page)
    require(page, is_stopped=False)
    assert pressure.stopped_processes() == frozenset()


def test_a_page_is_not_stopped_while_nobody_waits_for_the_shared_processes(page: PageMemory) -> None:
    pressure = BackPressure()
    pressure.update(1.0, page, are_busy=False)
    require(page, is_stopped=False)


def test_a_page_that_got_another_renderer_meanwhile_leaves_none_stopped(page: PageMemory) -> None:
    pressure = BackPressure()
    pressure.update(1.0, page, are_busy=True)
    before = PageMemory(page.renderers)
    page.renderers = frozenset()
    pressure.release(page)
    require(before, is_stopped=False)


def test_each_stop_is_counted_and_the_first_one_of_a_page_logged(page: PageMemory) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("renderfleet_page_stops_total") or 0

    pressure, before = BackPressure(), count()
    with structlog.testing.capture_logs() as lines:
        for second in (1.0, 2.0):
            pressure.update(second, page, are_busy=True)
            pressure.update(second + 0.2, page, are_busy=True)  # it is stopped already
            pressure.update(second + 0.4, None, are_busy=False)
    assert count() == before + 2
    assert [line["pids"] for line in lines] == [sorted(page.renderers)]
