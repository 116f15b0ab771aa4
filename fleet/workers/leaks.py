"""Finds workers that may leak memory: they use more than their peers, or grow for hours (pure)."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import Final, TypeVar
from uuid import UUID

from fleet.workers.vitals import Vitals

# A smaller difference is normal: one renderer more, or a browser that has just filled its caches.
FLOOR_BYTES: Final = 64 * 2**20
# How fast a worker may grow: 190 MB a day, so operators have days to act.
MAX_SLOPE_BYTES_PER_HOUR: Final = 8 * 2**20

# Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): a modified z-score above 3.5, where
# 0.6745 makes the median absolute deviation of a normal distribution its standard deviation.
_MAX_SCORE: Final = 3.5
_DEVIATION_SHARE: Final = 0.6745
# 250 samples make 31,125 pairs, which take some milliseconds.
_MAX_SAMPLES: Final = 250
_MIB: Final = 2**20
_HOUR_S: Final = 3600.0
# A new worker fills its caches and heaps with its first renders. Before that it is not compared with others.
_MIN_RENDERS: Final = 50

K = TypeVar("K", bound=Hashable)


def high_outliers(values: Mapping[K, float], *, floor: float = FLOOR_BYTES) -> set[K]:
    """The keys whose value is far above the other values. Values far below are not reported.

    "Far" means a modified z-score above 3.5, and at least `floor` above the median. Without the floor any
    difference would be far when the other values are all equal. Medians are reliable while fewer than half
    of the values are wrong.

    Args:
        values: one figure per worker, in bytes. Of two values neither can be an outlier, because it is
            unknown which of them is wrong.
        floor: a smaller difference, in bytes, is never an outlier.
    """
    if not values:
        return set()
    middle = median(values.values())
    deviation = median(abs(value - middle) for value in values.values())
    far = max(floor, _MAX_SCORE * deviation / _DEVIATION_SHARE)
    return {key for key, value in values.items() if value - middle > far}


def slope_per_hour(samples: Sequence[tuple[float, float]]) -> float:
    """How fast a figure grows: the median of the slopes between all pairs of samples (Theil and Sen).

    A single peak hardly changes it, nor does a figure that rises and falls regularly. A line through all
    points (least squares) would follow them. Of many samples about 250 are used, at equal distances.

    Args:
        samples: pairs of seconds and bytes, in the order of time.

    Returns:
        Bytes per hour; 0 if there are not two different times.
    """
    stride = -(-len(samples) // _MAX_SAMPLES) or 1
    slopes = [
        (later - earlier) / (end - begin)
        for (begin, earlier), (end, later) in combinations(samples[::stride], 2)
        if end > begin
    ]
    return median(slopes) * _HOUR_S if slopes else 0.0


def is_growing(slope_bytes_per_hour: float, *, over_s: float) -> bool:
    """Whether memory grows too fast, and by more than a browser needs to fill its caches.

    Args:
        slope_bytes_per_hour: from `slope_per_hour`.
        over_s: seconds from the first sample to the last.
    """
    gained_bytes = slope_bytes_per_hour * over_s / _HOUR_S
    return slope_bytes_per_hour > MAX_SLOPE_BYTES_PER_HOUR and gained_bytes > FLOOR_BYTES


def suspected_leaks(workers: Mapping[UUID, tuple[int, Vitals]]) -> dict[UUID, str]:
    """The workers that may leak memory, each with the reason in words.

    A worker is compared with its peers: workers with the same number of slots and enough renders. They
    should need about the same memory.

    Args:
        workers: slots and vitals of each worker.
    """
    peers: dict[int, dict[UUID, float]] = {}
    reasons: dict[UUID, str] = {}
    for worker_id, (slots, vitals) in workers.items():
        memory = vitals.memory
        if memory is None:
            continue
        if vitals.browser.renders_total >= _MIN_RENDERS:
            peers.setdefault(slots, {})[worker_id] = memory.resting_bytes
        slope = memory.growth_bytes_per_hour
        if slope is not None and is_growing(slope, over_s=memory.growth_over_s):
            hours = memory.growth_over_s / _HOUR_S
            reasons[worker_id] = f"has grown by {slope / _MIB:.0f} MiB an hour for {hours:.0f} h"
    for resting in peers.values():
        for worker_id in high_outliers(resting):
            usual = median(other for peer_id, other in resting.items() if peer_id != worker_id)
            words = (
                f"uses {resting[worker_id] / _MIB:.0f} MiB between renders, "
                f"workers with as many slots use {usual / _MIB:.0f} MiB"
            )
            reasons[worker_id] = "; ".join(filter(None, (words, reasons.get(worker_id))))
    return reasons
