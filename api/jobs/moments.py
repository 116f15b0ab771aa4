"""The moments in the life of a job, and which of them lie between two readings of its row.

Reading the row may miss a short moment: between two readings a job can be claimed, put back, claimed again
and end. But the rules of its states (`docs/states.md`) allow only one way: `attempt` increases with each
claim, and only then. So the moments in between can be derived from state and attempt before and after.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from fleet.jobs.job import Job, State

_ID: Final = re.compile(rf"(0|[1-9]\d{{0,8}})-({'|'.join(State)})", re.ASCII)
# States that a job cannot have before its first claim.
_AFTER_A_CLAIM: Final = frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Moment:
    """A job was in this state, in or after this attempt. A job has each moment at most once."""

    state: State
    attempt: int

    @classmethod
    def of(cls, job: Job) -> Self:
        """The moment in which this job is now."""
        return cls(job.state, job.attempt)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a moment from the text that `str` makes. None: the text is not a moment."""
        match = _ID.fullmatch(text)
        if match is None:
            return None
        state, attempt = State(match[2]), int(match[1])
        return None if attempt == 0 and state in _AFTER_A_CLAIM else cls(state, attempt)

    def __str__(self) -> str:
        return f"{self.attempt}-{self.state}"

    def leads_to(self, later: "Moment") -> bool:
        """Whether a job can be at the later moment after this one."""
        if self.state.is_terminal or self.attempt > later.attempt:
            return False
        if self.attempt < later.attempt or later.state.is_terminal:
            return True
        # In the same attempt: from running back to the queue.
        return self.state is State.RUNNING and later.state is State.QUEUED


def moments_until(now: Moment, *, seen: Moment | None) -> Iterator[Moment]:
    """The moments of a job after `seen`, up to and with `now`: the shortest way that the states allow.

    There are none if there is no way, for example if both are the same. If `seen` is None, only `now`.
    """
    if seen is None:
        yield now
    elif seen.leads_to(now):
        while seen != now:
            seen = _next(seen, now)
            yield seen


def _next(moment: Moment, now: Moment) -> Moment:
    if moment.attempt == now.attempt:
        return now
    if moment.state is State.QUEUED:
        return Moment(State.RUNNING, moment.attempt + 1)
    return Moment(State.QUEUED, moment.attempt)
