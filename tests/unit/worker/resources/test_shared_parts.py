"""The end of a process that all pages share is found at whatever moment one looks."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.kit.stages.browser_stage import until
from worker.resources.chromium_processes import command_line
from worker.resources.shared_parts import SharedParts

NETWORK_SERVICE = "--utility-sub-type=network.mojom.NetworkService"
# Like a browser: its child has the command line of a network service, and it does not wait for its end.
BROWSER = f"""
import subprocess, sys, threading
child = "import threading; print('there', flush=True); threading.Event().wait()"
service = subprocess.Popen([sys.executable, "-c", child, "--type=utility", "{NETWORK_SERVICE}"])
threading.Event().wait()
"""


@contextmanager
def browser_with_service() -> Iterator[tuple[SharedParts, psutil.Process]]:
    """The parts of a process like a browser, and its network service."""
    with subprocess.Popen([sys.executable, "-c", BROWSER], stdout=subprocess.PIPE) as leader:
        try:
            assert leader.stdout is not None
            leader.stdout.readline()
            [service] = psutil.Process(leader.pid).children()
            yield SharedParts(leader.pid), service
        finally:
            for child in psutil.Process(leader.pid).children():
                child.kill()
            leader.kill()


async def test_a_network_service_counts_from_the_first_look() -> None:
    with browser_with_service() as (parts, service):
        assert parts.look() is None
        assert not parts.has_ended()
        service.kill()
        await until(lambda: service.status() == psutil.STATUS_ZOMBIE, "the service's end")
        assert parts.has_ended()
        assert parts.look() == "its network service has ended"


def test_a_part_that_is_ending_is_lost_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process loses its command line before its state says that it has ended. This moment is imitated."""
    with browser_with_service() as (parts, service):
        assert parts.look() is None
        monkeypatch.setattr(
            "worker.resources.shared_parts.command_line",
            lambda pid: b"" if pid == service.pid else command_line(pid),
        )
        assert parts.has_ended()
        assert parts.look() == "its network service has ended"
