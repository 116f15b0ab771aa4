"""Measures the CPU of a process tree, and compares things on a machine whose speed changes."""

import asyncio
import math
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import psutil

T = TypeVar("T")

# A process tree counts as idle if it used at most this much CPU in this time: an idle Chromium uses a little.
_QUIET_CPU_S: Final = 0.011
_QUIET_FOR_S: Final = 0.1
_QUIET_TIMEOUT_S: Final = 1.5
# Less is what the subtraction of two numbers leaves that are the same.
_NOTHING: Final = 1e-6


def cpu_by_part(pid: int) -> dict[str, float]:
    """CPU seconds, user and system, that a process and its descendants have used, by kind of program.

    Counted are all threads of all living processes of the tree, and every descendant that has ended and was
    waited for: the kernel adds its time, and that of its own children, to `cutime` and `cstime` of the parent
    that reaps it (proc(5); psutil calls them `children_user` and `children_system`). So a renderer that lived
    for one page is counted with Chromium's zygote. The resolution is one tick (10 ms) for each living
    process, which is why blocks of several renders are measured, never a single one. Compared once with what
    a cgroup counted of the same 20 renders (cpuacct.usage): 0.5 % apart.
    """
    parts: dict[str, float] = {}
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it has ended: its time is in its parent at the next reading
            times = process.cpu_times()
            part = _part(process.name())
            spent = times.user + times.system + times.children_user + times.children_system
            parts[part] = parts.get(part, 0.0) + spent
    return parts


def cpu_s(*pids: int) -> float:
    """CPU seconds of one or more process trees."""
    return sum(sum(cpu_by_part(pid).values()) for pid in pids)


def exact_cpu_s(pid: int) -> float:
    """CPU seconds of a process tree, as exactly as the kernel counts them: for one render, not for many.

    Of the threads that live the kernel has nanoseconds, in /proc/PID/task/TID/schedstat (proc(5)). Processes
    that have ended are counted in ticks (10 ms), by those that waited for them; threads that have ended are
    not counted. Where there are no such files, as on macOS, it is `cpu_s`.
    """
    root = psutil.Process(pid)
    if not Path(f"/proc/{pid}/schedstat").exists():
        return cpu_s(pid)
    total_s = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess, OSError):  # it has ended
            times = process.cpu_times()
            total_s += times.children_user + times.children_system
            for thread in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with suppress(OSError):
                    total_s += int(thread.read_text().split()[0]) / 1e9
    return total_s


def _part(name: str) -> str:
    if name.startswith("python"):
        return "Python"
    if name.startswith("node"):
        return "Playwright driver"
    if "chrom" in name or "headless" in name:
        return "Chromium"
    return name


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The difference between two readings of `cpu_by_part`."""
    return {part: after[part] - before.get(part, 0.0) for part in after}


async def until_idle(*pids: int) -> None:
    """Wait until these process trees are idle: after an answer they close a page and make the next one."""
    deadline = time.monotonic() + _QUIET_TIMEOUT_S
    before = cpu_s(*pids)
    while time.monotonic() < deadline:
        await asyncio.sleep(_QUIET_FOR_S)
        now = cpu_s(*pids)
        if now - before <= _QUIET_CPU_S:
            return
        before = now


async def interleave(
    contenders: Mapping[str, Callable[[], Awaitable[T]]],
    *,
    rounds: int,
    tell: Callable[[int, str], None],
) -> dict[str, list[T]]:
    """Run A B C, B C A, C A B, ... and return the results of each, in the order of the rounds.

    So a slow phase of the machine affects all of them, and none always runs first. Compare results of the
    same round, with `ratios`.
    """
    names = list(contenders)
    results: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            tell(number + 1, name)
            results[name].append(await contenders[name]())
    return results


def ratios(values: Sequence[float], reference: Sequence[float]) -> "Spread":
    """Value divided by reference, for each round; without rounds in which the reference is below one tick."""
    pairs = zip(values, reference, strict=True)
    return Spread.of([value / base for value, base in pairs if base > 0] or [math.nan])


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile by the nearest-rank method: at least `percent` % of the values are not above it."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of some results."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Compute it from at least one value."""
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])

    @classmethod
    def of_middle_half(cls, values: Iterable[float]) -> Self:
        """The median of many values, and between what the middle half of them lies."""
        known = sorted(values)
        quarter = len(known) // 4
        return cls(statistics.median(known), known[quarter], known[-1 - quarter])

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.low)} to {figure(self.high)})"


def figure(value: float) -> str:
    """A number with three significant digits: 0.123, 1.23, 12.3, 1,234."""
    if math.isnan(value):
        return "?"
    if abs(value) < _NOTHING:
        return "0"
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{digits}f}"


class OtherLoad:
    """Measures how much CPU other programs use, which readers of the figures must know."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy = _machine_busy_s()
        self._own = cpu_s(os.getpid())

    def share(self) -> float:
        """The share of all cores that other programs have used since this object was created, from 0 to 1."""
        elapsed = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        others = (_machine_busy_s() - self._busy) - (cpu_s(os.getpid()) - self._own)
        return min(1.0, max(0.0, others / elapsed))


def _machine_busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
