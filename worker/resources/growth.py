"""Whether a worker's memory grows over hours."""

from collections import deque
from typing import Final

from fleet.workers.leaks import slope_per_hour

_PERIOD_S: Final = 300.0
_PERIODS_OF_A_DAY: Final = 288
# Within the first hour a worker fills its caches, which no slope can tell from a leak.
_FEWEST_PERIODS: Final = 12


class Trend:
    """What stays of a worker's memory between its renders, and whether that grows over hours.

    Pages come and go; what leaks is there also in the quietest moment of each five minutes.

    Attributes:
        growth_bytes_per_hour: over the time that is remembered; None within the first hour.
        growth_over_s: how long that time is.
    """

    def __init__(self) -> None:
        self.growth_bytes_per_hour: float | None = None
        self.growth_over_s = 0.0
        # When each period began, and the least in it; the last one goes on.
        self._periods: deque[tuple[float, float]] = deque(maxlen=_PERIODS_OF_A_DAY + 1)

    def add(self, at_s: float, memory_bytes: float) -> None:
        """Remember a reading; times only go on."""
        if not self._periods:
            self._periods.append((at_s, memory_bytes))
            return
        began_s, least = self._periods[-1]
        if at_s < began_s + _PERIOD_S:
            self._periods[-1] = (began_s, min(least, memory_bytes))
            return
        self._judge()
        self._periods.append((at_s, memory_bytes))

    @property
    def resting_bytes(self) -> float:
        """The least of this period and the one before; 0 before the first reading."""
        return min((least for _, least in list(self._periods)[-2:]), default=0)

    def _judge(self) -> None:
        """The last period is complete: once in five minutes."""
        if len(self._periods) >= _FEWEST_PERIODS:
            self.growth_bytes_per_hour = slope_per_hour(list(self._periods))
            self.growth_over_s = self._periods[-1][0] - self._periods[0][0]
