"""What an operation asks its transport to do.

An operation is a generator: it yields steps, gets what came of each, and returns its result. So everything
that has to be thought about (retries, waiting, pages of lists) is written once, and the blocking and the
async client only carry out steps.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")

# Longer than the longest wait that the API grants (60 s).
CALL_TIMEOUT_S: Final = 75.0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        path: on the server, with a leading slash.
        query: its parameters.
        body: sent as JSON; None: nothing is sent.
        is_repeatable: whether it may be sent again if nobody knows whether it has arrived.
        timeout_s: how long the answer may take.
        accepts: error statuses that are answers like any other.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    timeout_s: float = CALL_TIMEOUT_S
    accepts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """No response came.

    Attributes:
        error: what the transport raised.
        may_have_arrived: whether the server may have got the request.
        server: its address, for people.
    """

    error: Exception
    may_have_arrived: bool
    server: str


Step: TypeAlias = Call | Pause
Operation: TypeAlias = Generator[Step, Answer | Broken | None, T]
