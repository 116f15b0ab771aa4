"""Whose memory is out of line: above what its peers need, or growing hour after hour. Pure figures."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import Final, TypeVar
from uuid import UUID

from fleet.workers.vitals import Vitals

# Differences that are no news: a renderer more, or a browser that has just filled its caches.
FLOOR_BYTES: Final = 64 * 2**20
# By so much an hour a worker may grow: 190 MB a day, so that days pass before anybody has to act.
MAX_SLOPE_BYTES_PER_HOUR: Final = 8 * 2**20

# Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): a modified z-score above 3.5, where
# 0.6745 makes the median absolute deviation of a normal distribution its standard deviation.
_MAX_SCORE: Final = 3.5
_DEVIATION_SHARE: Final = 0.6745
# 250 samples have 31,125 pairs: some milliseconds.
_MOST_SAMPLES: Final = 250
_MIB: Final = 2**20
_HOUR_S: Final = 3600.0
# Caches and heaps of a new worker fill with its first renders; before, it is no peer of those that work.
_FEWEST_RENDERS: Final = 50

K = TypeVar("K", bound=Hashable)


def stands_out(values: Mapping[K, float], *, floor: float = FLOOR_BYTES) -> set[K]:
    """Those whose value lies far above the others'; too small ones are nobody's trouble.

    Far is a modified z-score above 3.5, and `floor` above the median at least: where all are equal to the
    page, any difference would be far. Medians hold as long as fewer than half of them are wrong.

    Args:
        values: one figure a worker, in bytes. Of two that differ nobody knows which is wrong: neither is far.
        floor: a difference that is never one, in bytes.
    """
    if not values:
        return set()
    middle = median(values.values())
    deviation = median(abs(value - middle) for value in values.values())
    far = max(floor, _MAX_SCORE * deviation / _DEVIATION_SHARE)
    return {key for key, value in values.items() if value - middle > far}


def slope_per_hour(samples: Sequence[tuple[float, float]]) -> float:
    """How fast a figure grows: the median of the slopes between all pairs of samples (Theil and Sen).

    One peak, or the teeth of a saw, hardly move it; a line through all points (least squares) they would.
    Of many samples some 250, evenly taken, are looked at.

    Args:
        samples: seconds and bytes, in the order of time.

    Returns:
        Bytes per hour; 0 when there are no two different times.
    """
    stride = -(-len(samples) // _MOST_SAMPLES) or 1
    slopes = [
        (later - earlier) / (end - begin)
        for (begin, earlier), (end, later) in combinations(samples[::stride], 2)
        if end > begin
    ]
    return median(slopes) * _HOUR_S if slopes else 0.0


def grows(slope_bytes_per_hour: float, *, over_s: float) -> bool:
    """Whether memory grows too fast, and for so long that it is more than a browser filling its caches.

    Args:
        slope_bytes_per_hour: from `slope_per_hour`.
        over_s: the time from the first sample to the last.
    """
    gained_bytes = slope_bytes_per_hour * over_s / _HOUR_S
    return slope_bytes_per_hour > MAX_SLOPE_BYTES_PER_HOUR and gained_bytes > FLOOR_BYTES


def out_of_line(workers: Mapping[UUID, tuple[int, Vitals]]) -> dict[UUID, str]:
    """The workers whose memory looks like a leak, each with the reason in words.

    Peers are workers with as many slots that have worked: they should need about the same.

    Args:
        workers: slots and vitals of each.
    """
    peers: dict[int, dict[UUID, float]] = {}
    reasons: dict[UUID, str] = {}
    for worker_id, (slots, vitals) in workers.items():
        memory = vitals.memory
        if memory is None:
            continue
        if vitals.browser.renders_total >= _FEWEST_RENDERS:
            peers.setdefault(slots, {})[worker_id] = memory.resting_bytes
        slope = memory.growth_bytes_per_hour
        if slope is not None and grows(slope, over_s=memory.growth_over_s):
            hours = memory.growth_over_s / _HOUR_S
            reasons[worker_id] = f"grows by {slope / _MIB:.0f} MiB an hour, for {hours:.0f} h now"
    for resting in peers.values():
        for worker_id in stands_out(resting):
            usual = median(other for peer_id, other in resting.items() if peer_id != worker_id)
            words = (
                f"{resting[worker_id] / _MIB:.0f} MiB at rest, where its peers have {usual / _MIB:.0f} MiB"
            )
            reasons[worker_id] = "; ".join(filter(None, (words, reasons.get(worker_id))))
    return reasons
