"""Whose memory is out of line, in words; and what a worker's processes take."""

import resource
import subprocess
import sys
import time
from uuid import UUID

import pytest

from fleet.workers.leaks import suspected_leaks
from fleet.workers.vitals import BrowserVitals, MemoryVitals, Vitals
from worker.resources.memory.growth import MemoryTrend
from worker.resources.memory.worker_memory import ProcessGroup, WorkerProcesses

MB = 2**20
HOUR_S = 3600.0
USED = "held = bytearray(80 * 2**20); held[::4096] = b'x' * len(held[::4096]); print('ready', flush=True)"


def vitals(resting_mb: float, *, renders: int = 500, growth_mb: float = 0, hours: float = 0) -> Vitals:
    memory = MemoryVitals(
        resting_bytes=round(resting_mb * MB),
        growth_bytes_per_hour=round(growth_mb * MB) if hours else None,
        growth_over_s=hours * HOUR_S,
    )
    return Vitals(memory=memory, browser=BrowserVitals(renders_total=renders))


def judged(*workers: Vitals, slots: list[int] | None = None) -> dict[int, str]:
    each = slots or [2] * len(workers)
    found = suspected_leaks({UUID(int=n): (each[n], one) for n, one in enumerate(workers)})
    return {worker_id.int: words for worker_id, words in found.items()}


def test_the_worker_above_its_peers_is_named_with_figures() -> None:
    found = judged(vitals(300), vitals(620), vitals(310), vitals(320))
    assert found == {1: "uses 620 MiB between renders, workers with as many slots use 310 MiB"}


def test_a_worker_that_grows_is_named_without_peers() -> None:
    assert judged(vitals(600, growth_mb=25, hours=6)) == {0: "has grown by 25 MiB an hour for 6 h"}


def test_both_reasons_are_told() -> None:
    found = judged(vitals(300), vitals(310), vitals(900, growth_mb=100, hours=2))
    assert found == {
        2: "uses 900 MiB between renders, workers with as many slots use 305 MiB; "
        "has grown by 100 MiB an hour for 2 h",
    }


def test_new_workers_and_those_of_another_size_are_no_peers() -> None:
    old, new = vitals(450), vitals(300, renders=3)
    assert judged(old, new, new, new) == {}
    assert judged(vitals(300), vitals(300), vitals(300), vitals(700), slots=[1, 1, 1, 4]) == {}
    assert judged(Vitals(), Vitals(), Vitals()) == {}


def trend(*, hours: float, memory_mb: dict[int, float]) -> MemoryTrend:
    """A reading each 15 s: by the hour so much at rest, four times as much while pages render."""
    made = MemoryTrend()
    for reading in range(int(hours * 240)):
        at_s = reading * 15.0
        resting = memory_mb[max(hour for hour in memory_mb if hour <= at_s / HOUR_S)]
        made.add(at_s, resting * MB * (1 if reading % 7 == 0 else 4))
    return made


def test_what_rests_is_the_least_of_the_last_minutes() -> None:
    assert MemoryTrend().resting_bytes == 0
    assert trend(hours=3, memory_mb={0: 300}).resting_bytes == 300 * MB
    grown = trend(hours=2.2, memory_mb={0: 300, 2: 350})
    assert grown.resting_bytes == 350 * MB  # ten minutes later the past is over
    assert trend(hours=2.05, memory_mb={0: 300, 2: 350}).resting_bytes == 300 * MB


def test_growth_is_known_after_an_hour_and_covers_a_day() -> None:
    assert trend(hours=0.9, memory_mb={0: 300}).growth_bytes_per_hour is None
    assert trend(hours=1.2, memory_mb={0: 300}).growth_bytes_per_hour == 0
    climbing = trend(hours=30, memory_mb={hour: 300 + 20 * hour for hour in range(30)})
    assert climbing.growth_bytes_per_hour == pytest.approx(20 * MB, rel=0.05)
    assert 23 * HOUR_S < climbing.growth_over_s <= 24.1 * HOUR_S


def test_memory_of_a_child_is_measured_and_gone_with_it() -> None:
    processes = WorkerProcesses()
    before = processes.read()
    with subprocess.Popen(
        [sys.executable, "-c", f"{USED}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = processes.read()
        child.communicate(b"\n")
    after = processes.read()
    assert before.cpu_percent is None
    assert 80 * MB < during.rss_bytes - before.rss_bytes < 130 * MB
    assert abs(after.rss_bytes - before.rss_bytes) < 10 * MB
    if before.pss_bytes is None or during.pss_bytes is None:
        assert sys.platform != "linux"
        return
    # A child of our own is Playwright's driver in a worker.
    assert during.pss_bytes[ProcessGroup.DRIVER] - before.pss_bytes[ProcessGroup.DRIVER] >= 80 * MB
    # This process may have become smaller since. The kernel's highest value is some MB inexact.
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert during.pss_bytes[ProcessGroup.PYTHON] <= highest + 40 * MB
    assert during.bytes == sum(during.pss_bytes.values()) < during.rss_bytes


def test_cpu_time_counts_also_of_those_that_ended_meanwhile() -> None:
    processes = WorkerProcesses()
    processes.read()
    began = time.monotonic()
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    elapsed_s = time.monotonic() - began
    reading = processes.read()
    assert reading.cpu_percent is not None
    # Other programs of the tests may end meanwhile, and take theirs with them.
    assert reading.cpu_percent * elapsed_s / 100 >= 0.3
