"""Switches that tell a worker whether it may take jobs: `fleet/queue/arq_adapter.py` implements them."""

from typing import Protocol


class JobIntake(Protocol):
    """Can be told to take no jobs."""

    def hold(self, reason: str) -> None:
        """Take no jobs for as long as this reason is not released."""

    def release(self, reason: str) -> None:
        """Remove this reason; jobs are taken again when no reason is left."""


class BoundedJobIntake(JobIntake, Protocol):
    """Can also be told how many jobs it may have at once."""

    @property
    def running(self) -> int:
        """How many jobs the worker has."""

    def allow(self, at_most: int, because: str) -> None:
        """Have at most this many jobs at once, for a reason."""
