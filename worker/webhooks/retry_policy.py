"""Decides whether a webhook is sent again, and when: a pure function of the response and earlier attempts.

The example in the specification (standardwebhooks.com, "Deliverability and reliability") lists: immediately,
5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h. If these are pauses between attempts, the attempts
take three days; if they are times since the first attempt, one day. Here they are times since the first
attempt, because an artifact is kept for a week at most, unless its owner asks for more.

Each pause begins at the end of the attempt before it. So attempts that are late (all workers were stopped,
or the receiver asked for a longer pause) never follow each other at once.
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
# Chance shortens each pause by up to this share. It never lengthens one, so all attempts fit into a day.
_JITTER: Final = 0.1
# A receiver may ask for a longer pause, up to the longest pause of the list.
LONGEST_RETRY_AFTER_S: Final = max(_WAITS_S)

# Another attempt would end in the same way.
_FINAL: Final = frozenset(
    {
        DeliveryError.GONE,
        DeliveryError.URL_BLOCKED,
        DeliveryError.ENDPOINT_DISABLED,
        DeliveryError.TOO_MANY_ENDPOINTS,
    }
)
# Responses in which Retry-After is obeyed.
_RETRY_AFTER_STATUSES: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class SendResult:
    """Result of one attempt to send a message.

    Attributes:
        status: of the receiver's response; None: there was none.
        error: why the message was not delivered; None: it was delivered.
        retry_after_s: the pause that the receiver asks for; None: it asks for none.
    """

    status: int | None
    error: DeliveryError | None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class SendDecision:
    """The message's next state. `delay` is the pause before the next attempt of a pending message."""

    state: MessageState
    delay: timedelta = timedelta()


def error_of_status(status: int) -> DeliveryError | None:
    """The error that a response's status means; None: the message was delivered."""
    if status // 100 == 2:  # noqa: PLR2004 - all of 2xx
        return None
    if status // 100 == 3:  # noqa: PLR2004 - all of 3xx
        return DeliveryError.REDIRECTED
    return DeliveryError.GONE if status == HTTPStatus.GONE else DeliveryError.HTTP_STATUS


def decide(result: SendResult, *, tries: int, jitter: float) -> SendDecision:
    """Decide the message's next state.

    Args:
        result: of the attempt that has just ended.
        tries: how many attempts there were since the message was last set to pending, this one included.
        jitter: a random number from 0 to 1.
    """
    if result.error is None:
        return SendDecision(MessageState.DELIVERED)
    if result.error in _FINAL or tries >= MAX_TRIES:
        return SendDecision(MessageState.FAILED)
    wait_s = _WAITS_S[tries - 1] * (1 - _JITTER * jitter)
    if result.status in _RETRY_AFTER_STATUSES and result.retry_after_s is not None:
        wait_s = max(wait_s, min(result.retry_after_s, LONGEST_RETRY_AFTER_S))
    return SendDecision(MessageState.PENDING, timedelta(seconds=wait_s))
