"""Sends a call until it is answered: limits, outages and broken connections cost time, not results."""

import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from renderfleet.error_types import call_refused
from renderfleet.errors import ApiError, ServerUnreachable, UnexpectedAnswer
from renderfleet.http.steps import Answer, Broken, Call, Operation, Pause
from renderfleet.models.jobs import Problem

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 8.0
DEFAULT_BUDGET_S: Final = 60.0
# 429: a limit; 502 to 504: the server, or a proxy before it, cannot answer now.
_TRANSIENT: Final = frozenset({429, 502, 503, 504})
_FIRST_ERROR: Final = 400


@dataclass(slots=True)
class Budget:
    """How long an operation may go on trying, from its first call.

    Attributes:
        seconds: 0: each call is sent once.
        clock: seconds, growing; tests replace it.
    """

    seconds: float = DEFAULT_BUDGET_S
    clock: Callable[[], float] = time.monotonic
    _began: float | None = field(default=None, init=False)

    def left(self) -> float:
        """Seconds until the operation gives up."""
        if self._began is None:
            self._began = self.clock()
        return self._began + self.seconds - self.clock()

    def restart(self) -> None:
        """Begin anew: the server answers again."""
        self._began = None


def answered(call: Call, budget: Budget) -> Operation[Answer]:
    """Send a call, again if that may help and the budget allows it.

    Raises:
        ApiError: the server refuses it.
        ServerUnreachable: no answer has come.
        UnexpectedAnswer: the answer is an error, but none of renderfleet's.
    """
    for attempt in range(1_000_000):
        left = budget.left()
        reply = yield call
        if isinstance(reply, Answer) and (reply.status < _FIRST_ERROR or reply.status in call.accepts):
            return reply
        failure, may_help = _judged(call, reply)
        pause_s = _pause_s(attempt, failure)
        if not may_help or pause_s > left:
            raise failure
        yield Pause(pause_s)
    raise AssertionError("a budget ends")


def _judged(call: Call, reply: Answer | Broken | None) -> tuple[Exception, bool]:
    """The exception for a reply that is no success, and whether sending the call again may help."""
    if isinstance(reply, Answer):
        may_help = reply.status in _TRANSIENT and (call.is_repeatable or reply.status in {429, 503})
        return error_of(reply), may_help
    if not isinstance(reply, Broken):
        raise TypeError("a call is answered with an answer")
    failure = ServerUnreachable(
        f"{reply.server} does not answer to {call.method} {call.path}: "
        f"{str(reply.error) or type(reply.error).__name__}"
    )
    failure.__cause__ = reply.error
    return failure, call.is_repeatable or not reply.may_have_arrived


def _pause_s(attempt: int, failure: Exception) -> float:
    """Longer after each attempt, and random, so that many clients do not come back at once."""
    grown: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 10))
    pause_s: float = grown * random.uniform(0.5, 1)  # noqa: S311 - no secret
    wanted = failure.retry_after_s if isinstance(failure, ApiError) else None
    return max(pause_s, wanted or 0.0)


def error_of(answer: Answer) -> ApiError | UnexpectedAnswer:
    """The exception for an answer with an error status."""
    try:
        document = json.loads(answer.body)
        problem = Problem.of(document)
    except (ValueError, UnexpectedAnswer):
        return UnexpectedAnswer(
            f"the server has answered with status {answer.status} and no problem document"
        )
    return call_refused(problem, _seconds(answer.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    """`Retry-After` as the API writes it: seconds."""
    return float(text) if text is not None and text.isdecimal() else None


def document_of(answer: Answer) -> Any:
    """The JSON of an answer.

    Raises:
        UnexpectedAnswer: it is none.
    """
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise UnexpectedAnswer("the server has answered with something that is not JSON") from error


def pauses_between(budget: Budget) -> Callable[[Exception | None], Operation[None]]:
    """For streams: makes the pause before one is opened again.

    It raises the error instead, if opening the stream again cannot help or the budget is over.
    """
    attempts = itertools.count()

    def pause(error: Exception | None) -> Operation[None]:
        seconds = _pause_s(next(attempts), error or ServerUnreachable())
        may_help = not isinstance(error, ApiError) or error.status in _TRANSIENT
        if error is not None and (not may_help or seconds > budget.left()):
            raise error
        yield Pause(seconds)

    return pause
