"""What follows an attempt to deliver a message: a pure function of its answer and the tries before.

The specification's example (standardwebhooks.com, "Deliverability and reliability") lists immediately, 5 s,
5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h. Read as waits between attempts these are three days, read
as times since the first attempt one day. A message here is about a job whose artifact is kept for a week at
most unless its owner says more, so it is one day.

The waits count from the end of the attempt before, so that tries that come late (all workers were down, or
the receiver asked for patience) never come in a burst.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Final

from fleet.webhooks.outbox import DeliveryError, MessageState

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
# Seconds from the first attempt to each one.
OFFSETS_S: Final = (
    0,
    5,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
MAX_TRIES: Final = len(OFFSETS_S)
_WAITS_S: Final = tuple(later - earlier for earlier, later in pairwise(OFFSETS_S))
# Up to so much of a wait is left out by chance; it only ever shortens, so that a day stays a day.
_JITTER: Final = 0.1
# A receiver may ask for more patience than the schedule has, up to its longest wait.
LONGEST_RETRY_AFTER_S: Final = max(_WAITS_S)

# Trying again would end the same way.
_FINAL: Final = frozenset(
    {
        DeliveryError.GONE,
        DeliveryError.URL_BLOCKED,
        DeliveryError.ENDPOINT_DISABLED,
        DeliveryError.TOO_MANY_ENDPOINTS,
    }
)
_PATIENCE: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt went.

    Attributes:
        status: what the receiver answered; None: nothing.
        error: None when it took the message.
        retry_after_s: what its answer asks for; None: nothing.
    """

    status: int | None
    error: DeliveryError | None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the message; `delay` counts for a pending one alone."""

    state: MessageState
    delay: timedelta = timedelta()


def judge(status: int) -> DeliveryError | None:
    """What an answer's status means; None: delivered."""
    if status // 100 == 2:  # noqa: PLR2004 - all of 2xx
        return None
    if status // 100 == 3:  # noqa: PLR2004 - all of 3xx
        return DeliveryError.REDIRECTED
    return DeliveryError.GONE if status == HTTPStatus.GONE else DeliveryError.HTTP_STATUS


def decide(result: Result, *, tries: int, jitter: float) -> Decision:
    """Decide what follows.

    Args:
        result: of the attempt that has just ended.
        tries: attempts of this schedule so far, this one included.
        jitter: a random number from 0 to 1.
    """
    if result.error is None:
        return Decision(MessageState.DELIVERED)
    if result.error in _FINAL or tries >= MAX_TRIES:
        return Decision(MessageState.FAILED)
    wait_s = _WAITS_S[tries - 1] * (1 - _JITTER * jitter)
    if result.status in _PATIENCE and result.retry_after_s is not None:
        wait_s = max(wait_s, min(result.retry_after_s, LONGEST_RETRY_AFTER_S))
    return Decision(MessageState.PENDING, timedelta(seconds=wait_s))
