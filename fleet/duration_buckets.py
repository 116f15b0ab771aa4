"""How long many jobs took, in a form that can be added up.

The median of an hour cannot be derived from the medians of its minutes. So a minute stores how many jobs
lie in each of some buckets, whose upper ends grow by a factor of 2^(1/4), 19 %, from 1 ms. Buckets of many
minutes and tenants are added, and a percentile of the sum is the middle of its bucket: at most 9.1 % wrong.
"""

import math
from collections.abc import Mapping
from typing import Final

_PER_DOUBLING: Final = 4
# Its upper end is 12 days.
_LAST: Final = 120


def bucket_sql(milliseconds: str) -> str:
    """SQL for the bucket of a duration, which is an SQL expression of type double precision."""
    return (
        f"least({_LAST}, greatest(0, ceil({_PER_DOUBLING} * ln(greatest(1, {milliseconds})) / ln(2))))"
        "::integer"
    )


def percentile_ms(buckets: Mapping[int, int], share: float) -> float | None:
    """The duration within which this share of jobs ended, in milliseconds. None: there are no jobs.

    Args:
        buckets: how many jobs lie in each bucket.
        share: above 0, at most 1: 0.95 for the 95th percentile.
    """
    rank = math.ceil(share * sum(buckets.values()))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return _middle_ms(bucket)
    return None


def mean_ms(buckets: Mapping[int, int]) -> float:
    """The mean duration, in milliseconds, from the middles of the buckets.

    Args:
        buckets: how many jobs lie in each bucket; at least one job.
    """
    return sum(_middle_ms(bucket) * jobs for bucket, jobs in buckets.items()) / sum(buckets.values())


def _middle_ms(bucket: int) -> float:
    """The geometric middle of a bucket, rounded to what is known of it."""
    middle = 2 ** ((bucket - 0.5) / _PER_DOUBLING) if bucket else 1.0
    return float(f"{middle:.3g}")
