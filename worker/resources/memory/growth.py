"""Measures whether a worker's memory grows over hours."""

from collections import deque
from typing import Final

from fleet.workers.leaks import slope_per_hour

_PERIOD_S: Final = 300.0
_PERIODS_PER_DAY: Final = 288
# In its first hour a worker fills its caches. That growth looks like a leak, so nothing is reported before.
_MIN_PERIODS: Final = 12


class MemoryTrend:
    """The memory that a worker keeps between renders, and how fast it grows.

    Only the lowest reading of each five minutes is kept: it contains leaked memory, but few pages.

    Attributes:
        growth_bytes_per_hour: growth over the last day at most; None within the first hour.
        growth_over_s: the time that this growth was measured over.
    """

    def __init__(self) -> None:
        self.growth_bytes_per_hour: float | None = None
        self.growth_over_s = 0.0
        # For each period its begin and its lowest reading. The last period is not over.
        self._periods: deque[tuple[float, float]] = deque(maxlen=_PERIODS_PER_DAY + 1)

    def add(self, at_s: float, memory_bytes: float) -> None:
        """Add a reading. `at_s` must not be before the last one."""
        if not self._periods:
            self._periods.append((at_s, memory_bytes))
            return
        began_s, least = self._periods[-1]
        if at_s < began_s + _PERIOD_S:
            self._periods[-1] = (began_s, min(least, memory_bytes))
            return
        self._update_growth()
        self._periods.append((at_s, memory_bytes))

    @property
    def resting_bytes(self) -> float:
        """The lowest reading of this period and the one before; 0 before the first reading."""
        return min((least for _, least in list(self._periods)[-2:]), default=0)

    def _update_growth(self) -> None:
        """Called once in five minutes, when the last period is over."""
        if len(self._periods) >= _MIN_PERIODS:
            self.growth_bytes_per_hour = slope_per_hour(list(self._periods))
            self.growth_over_s = self._periods[-1][0] - self._periods[0][0]
