"""The moments in the life of a job, and which ones lie between two looks at it.

A look at the row may miss a short moment: between two looks a job can be claimed, put back, claimed again and
end. But its path is bound (`docs/states.md`): `attempt` rises with each claim and with nothing else. So the
moments in between follow from state and attempt before and after.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from fleet.jobs.job import Job, State

_ID: Final = re.compile(rf"(0|[1-9]\d{{0,8}})-({'|'.join(State)})", re.ASCII)
# Nobody can have succeeded or failed, or be running, who was never claimed.
_AFTER_A_CLAIM: Final = frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Moment:
    """A job has been in this state, in or after this attempt. No job comes by the same moment twice."""

    state: State
    attempt: int

    @classmethod
    def of(cls, job: Job) -> Self:
        """Where this job is."""
        return cls(job.state, job.attempt)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` made; None if it is nothing of the kind."""
        match = _ID.fullmatch(text)
        if match is None:
            return None
        state, attempt = State(match[2]), int(match[1])
        return None if attempt == 0 and state in _AFTER_A_CLAIM else cls(state, attempt)

    def __str__(self) -> str:
        return f"{self.attempt}-{self.state}"

    def leads_to(self, later: "Moment") -> bool:
        """Whether a job that was here can be there afterwards."""
        if self.state.is_terminal or self.attempt > later.attempt:
            return False
        if self.attempt < later.attempt or later.state.is_terminal:
            return True
        # In the same attempt: from running back to the queue.
        return self.state is State.RUNNING and later.state is State.QUEUED


def moments_until(now: Moment, *, seen: Moment | None) -> Iterator[Moment]:
    """What a job came by after `seen`, up to and with `now`: the shortest way that the states allow.

    Nothing if there is no way, such as when both are the same. `now` alone if nothing was seen.
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
