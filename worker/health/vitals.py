"""Collects the figures about a worker's health that each heartbeat reports."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

from fleet.filters.store import ListFacts
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import CONTAINER_OOM_KILLS, WORKER_MEMORY_BYTES
from fleet.workers.vitals import BrowserVitals, FilterListVitals, MemoryVitals, Vitals
from worker.blocking.filter_lists import FilterLists
from worker.pool.pool import Pool
from worker.resources.admission import Admission
from worker.resources.cgroup import Container
from worker.resources.memory.growth import MemoryTrend
from worker.resources.memory.worker_memory import ProcessesReading, ProcessGroup, WorkerProcesses

# A reading takes 20 ms of CPU while four pages render (worker/resources/memory/worker_memory.py).
MEASURE_INTERVAL_S: Final = 15.0
# What has not rendered has hardly changed: half of an idle worker's CPU would go into looking at itself.
_IDLE_INTERVAL_S: Final = 60.0

log = get_logger(__name__)


class KernelKills:
    """Logs and counts processes that the kernel has killed. A job's error only says that a renderer ended."""

    def __init__(self, container: Container) -> None:
        """Leave out the kills before now."""
        self._container = container
        self._known = container.oom_kills()

    def check(self) -> None:
        """Log and count the kills since the last check."""
        before, self._known = self._known, self._container.oom_kills()
        if before is None or self._known is None or self._known <= before:
            return
        CONTAINER_OOM_KILLS.inc(self._known - before)
        log.error(
            "the kernel has killed processes because memory ran out",
            killed=self._known - before,
            limit_mb=self._container.memory().limit_bytes // 2**20,
            fix="raise the container's memory limit, or lower RENDER_MEMORY_LIMIT_MB or BROWSER_MAX_PAGES",
        )


def list_vitals(facts: ListFacts) -> FilterListVitals:
    """What is told of a list."""
    return FilterListVitals(
        name=facts.name,
        title=facts.title,
        date=facts.date,
        licence=facts.licence,
        homepage=facts.homepage,
        rules=facts.rules,
    )


class VitalsReporter:
    """Measures at intervals, and makes a report at any time."""

    def __init__(
        self,
        pool: Pool,
        container: Container,
        admission: Admission,
        *,
        lists: FilterLists,
        holds: Callable[[], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Measure nothing yet.

        Args:
            pool: has the browser.
            container: counts the kernel's kills.
            admission: has measured the container's memory lately.
            lists: of advertisements and trackers.
            holds: returns why the worker takes no jobs.
            clock: seconds; for tests.
        """
        self._clock = clock
        self._pool = pool
        self._container = container
        self._admission = admission
        self._lists = lists
        self._holds = holds
        self._processes = WorkerProcesses()
        self._trend = MemoryTrend()
        self._reading: ProcessesReading | None = None
        self._measured_at = -math.inf
        self._renders = 0  # how many there had been at the last look
        self._was_idle = False
        self._kernel_kills = KernelKills(container)

    async def measure(self) -> None:
        """Measure all processes, in a thread; a worker that renders nothing, only once a minute."""
        self._kernel_kills.check()
        now = self._clock()
        if self._is_unchanged() and now - self._measured_at < _IDLE_INTERVAL_S:
            return
        self._measured_at = now
        self._reading = reading = await asyncio.to_thread(self._processes.read)
        self._trend.add(now, reading.bytes)
        for part, pss_bytes in (reading.pss_bytes or {}).items():
            WORKER_MEMORY_BYTES.labels(part).set(pss_bytes)

    def _is_unchanged(self) -> bool:
        """Whether nothing has rendered in the two last intervals.

        In one it is not enough: the CPU would be told of the time in which something still had rendered.
        """
        renders = self._pool.tally.figures().renders
        is_idle = not self._pool.busy and renders == self._renders
        is_unchanged = is_idle and self._was_idle
        self._renders, self._was_idle = renders, is_idle
        return is_unchanged

    def report(self) -> Vitals:
        """The latest figures."""
        reading = self._reading
        return Vitals(
            holds=self._holds(),
            cpu_percent=None
            if reading is None or reading.cpu_percent is None
            else round(reading.cpu_percent, 1),
            sandbox=self._pool.sandbox,
            memory=None if reading is None else self._memory(reading),
            browser=self._browser(),
            filter_lists=[list_vitals(one) for one in self._lists.facts().values()],
        )

    def _memory(self, reading: ProcessesReading) -> MemoryVitals:
        parts, container, growth = (
            reading.pss_bytes,
            self._admission.memory,
            self._trend.growth_bytes_per_hour,
        )
        return MemoryVitals(
            rss_bytes=reading.rss_bytes,
            pss_bytes=None if parts is None else sum(parts.values()),
            python_pss_bytes=None if parts is None else parts[ProcessGroup.PYTHON],
            driver_pss_bytes=None if parts is None else parts[ProcessGroup.DRIVER],
            browser_pss_bytes=None if parts is None else parts[ProcessGroup.BROWSER],
            renderers_pss_bytes=None if parts is None else parts[ProcessGroup.RENDERERS],
            resting_bytes=round(self._trend.resting_bytes),
            growth_bytes_per_hour=None if growth is None else round(growth),
            growth_over_s=round(self._trend.growth_over_s),
            limit_bytes=container.limit_bytes,
            used_bytes=container.used_bytes,
            free_bytes=container.free_bytes,
            oom_kills=self._container.oom_kills(),
        )

    def _browser(self) -> BrowserVitals:
        numbers, figures = self._pool.numbers, self._pool.tally.figures()
        return BrowserVitals(
            renders=0 if numbers is None else numbers.renders,
            renders_total=figures.renders,
            recycles=figures.recycles,
            crashes=figures.crashes,
            recycle_overlap_percent=round(figures.overlapping_percent, 2),
            recycle_added_wait_ms=figures.added_wait_ms,
            recycle_longest_wait_ms=figures.longest_overlapping_wait_ms,
        )
