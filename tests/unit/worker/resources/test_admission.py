"""Who is let in while memory runs short: a worker with four slots in a container that the test fills."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from worker.resources.admission import Admission
from worker.resources.cgroup import Container

MB = 2**20
RESERVE_MB = 100


class Place:
    """A container of 1,000 MB, its worker's jobs and browsers, and a clock, all as the test says."""

    def __init__(self, root: Path, *, slots: int = 4, reserve_mb: int = RESERVE_MB) -> None:
        self.running = 0
        self.at_most = slots
        self.holds: set[str] = set()
        self.generation = 1
        self.worn_out = 0
        self.now = 100.0
        self._group = root / "sys/fs/cgroup"
        self._group.mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text("0::/\n")
        mount = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
        (root / "proc/self/mountinfo").write_text(mount)
        (root / "proc/meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 8388608 kB\n")
        (self._group / "memory.max").write_text(f"{1000 * MB}\n")
        (self._group / "memory.stat").write_text("inactive_file 0\n")
        self._fill(0)
        self.admission = Admission(
            Container.own(root),
            self,
            self,
            slots=slots,
            reserve_bytes=reserve_mb * MB,
            clock=lambda: self.now,
        )

    def allow(self, at_most: int, because: str) -> None:  # noqa: ARG002 - as the carrier has it
        self.at_most = at_most

    def hold(self, reason: str) -> None:
        self.holds.add(reason)

    def release(self, reason: str) -> None:
        self.holds.discard(reason)

    def wear_out(self) -> None:
        self.worn_out += 1

    def look(self, *, free_mb: int, running: int, after_s: float = 1.0) -> int:
        """Let time pass, and look; how many more jobs are taken then."""
        self.now += after_s
        self.running = running
        self._fill(1000 - free_mb)
        self.admission.check()
        return 0 if self.holds else max(0, self.at_most - running)

    def _fill(self, used_mb: int) -> None:
        (self._group / "memory.current").write_text(f"{used_mb * MB}\n")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def events(lines: list[MutableMapping[str, Any]]) -> list[str]:
    return [f"{line['log_level']}: {line['event']}" for line in lines]


def test_as_many_are_let_in_as_fit(place: Place) -> None:
    assert place.look(free_mb=900, running=0) == 4
    assert place.look(free_mb=250, running=0) == 2
    assert place.look(free_mb=250, running=1) == 2
    assert place.look(free_mb=120, running=3) == 1
    assert place.look(free_mb=900, running=4) == 0


def test_nobody_is_let_in_near_the_limit_until_there_is_clearly_more(place: Place) -> None:
    assert place.look(free_mb=99, running=1) == 0
    assert place.holds == {Admission.REASON}
    assert place.look(free_mb=110, running=1) == 0  # enough to begin with, too little to end it
    assert REGISTRY.get_sample_value("renderfleet_admission_held") == 1
    assert place.look(free_mb=126, running=1) == 1
    assert REGISTRY.get_sample_value("renderfleet_admission_held") == 0
    assert REGISTRY.get_sample_value("renderfleet_container_memory_used_bytes") == 874 * MB
    assert place.look(free_mb=101, running=1) == 1
    assert place.worn_out == 0


def test_a_shortage_is_told_once_at_its_begin_and_once_at_its_end(place: Place) -> None:
    with capture_logs() as lines:
        for free_mb in (90, 110, 20, 124, 99, 130, 900, 80, 124):
            place.look(free_mb=free_mb, running=2)
    assert events(lines) == [
        "warning: too little memory is free, taking no jobs",
        "info: enough memory is free again, taking jobs",
        "warning: too little memory is free, taking no jobs",
    ]
    assert (lines[0]["free_mb"], lines[0]["limit_mb"], lines[0]["reserve_mb"]) == (90, 1000, 100)


def test_a_render_in_the_only_slot_that_fills_memory_is_no_news(tmp_path: Path) -> None:
    place = Place(tmp_path, slots=1)
    with capture_logs() as lines:
        assert place.look(free_mb=20, running=1) == 0
        assert place.look(free_mb=200, running=0, after_s=0.1) == 1
    assert lines == []
    with capture_logs() as lines:
        place.look(free_mb=20, running=1)
        assert place.look(free_mb=50, running=0) == 0  # it has ended, and left something behind
    assert events(lines) == ["warning: too little memory is free, taking no jobs"]


def test_an_idle_worker_replaces_its_browser_and_goes_on(place: Place) -> None:
    place.look(free_mb=50, running=0)
    place.look(free_mb=50, running=0, after_s=0.9)
    assert place.worn_out == 0  # pages that have just ended may still give something back
    place.look(free_mb=50, running=0, after_s=0.2)
    assert place.worn_out == 1
    place.generation = 2
    assert place.look(free_mb=50, running=0) == 0
    assert place.look(free_mb=300, running=0) == 3
    assert not place.holds


def test_a_worker_that_stays_short_takes_one_job_at_a_time_and_says_so_loudly(place: Place) -> None:
    with capture_logs() as lines:
        for generation in (1, 1, 1, 2, 2, 2):
            place.generation = generation
            place.look(free_mb=50, running=0)
        assert place.look(free_mb=50, running=0) == 1
        assert place.look(free_mb=10, running=1) == 0
        assert place.look(free_mb=50, running=0) == 1
        assert place.look(free_mb=300, running=1) == 3
    assert place.worn_out == 1
    assert events(lines) == [
        "warning: too little memory is free, taking no jobs",
        "warning: too little memory without any render, replacing the browser",
        "error: too little memory even with a new browser, taking one job at a time",
        "info: enough memory is free again, taking jobs",
    ]
    assert "limit" in lines[2]["fix"]


def test_a_browser_that_cannot_be_replaced_holds_nobody_up_for_ever(place: Place) -> None:
    taken = [place.look(free_mb=50, running=0) for _ in range(20)]
    assert (taken[10], taken[-1]) == (0, 1)


def test_a_worker_that_still_renders_leaves_its_browser_alone(place: Place) -> None:
    for running in (0, 1, 0, 1, 1, 1, 1, 1, 0):
        place.look(free_mb=50, running=running, after_s=0.9)
    assert place.worn_out == 0


def test_without_a_reserve_everybody_is_let_in(tmp_path: Path) -> None:
    place = Place(tmp_path, reserve_mb=0)
    assert place.look(free_mb=0, running=1) == 3
