"""The whole group of a browser is killed, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.kit.patience import PATIENCE_S
from worker.resources.process_group import BrowserProcessGroup, kill_browser_with

# Like a browser: it has a child in its group, which says that it is there and waits for ever.
FAMILY = """
import subprocess, sys
child = "import sys, threading; print('there', flush=True); threading.Event().wait()"
subprocess.run([sys.executable, "-c", child])
"""


@contextmanager
def family(profile: Path) -> Iterator[psutil.Process]:
    """The leader of a group of its own, with the words of a browser's command line."""
    words = [sys.executable, "-c", FAMILY, f"--user-data-dir={profile}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        yield psutil.Process(leader.pid)


async def test_a_group_ends_although_its_leader_has_ended_and_the_rest_was_stopped(tmp_path: Path) -> None:
    with family(tmp_path) as leader:
        group = BrowserProcessGroup(leader.pid)
        [child] = leader.children()
        child.suspend()
        leader.kill()
        leader.wait()
        assert group.members() == [child.pid]
        await group.end()
        assert group.members() == []
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_browser_whose_start_failed_is_known_by_its_profile(tmp_path: Path) -> None:
    with family(tmp_path / "other") as other, family(tmp_path / "own") as own:
        kill_browser_with(tmp_path / "own")
        own.wait(timeout=PATIENCE_S)
        assert other.is_running()
        kill_browser_with(tmp_path / "other")


def test_nothing_ever_kills_the_workers_own_group() -> None:
    with pytest.raises(ProcessLookupError):
        BrowserProcessGroup(os.getpid())
