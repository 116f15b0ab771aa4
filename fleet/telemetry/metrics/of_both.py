"""Metrics of what both the API and workers do."""

from typing import Final

from prometheus_client import Counter

JOBS_FINISHED: Final = Counter("renderfleet_jobs_finished", "Jobs that have ended.", ["state", "error_type"])
DISPATCH_FAILURES: Final = Counter(
    "renderfleet_dispatch_failures", "Jobs that could not be put into Redis; a sweep does it later."
)
