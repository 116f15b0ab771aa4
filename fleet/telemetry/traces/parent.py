"""The `traceparent` (W3C Trace Context) of what this task does: the caller's, carried through its job."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

# Version 00 alone: of a later one only this part is known to mean the same. Zeros alone are no id.
_VALID: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_given: ContextVar[str | None] = ContextVar("traceparent", default=None)


def valid(traceparent: str | None) -> str | None:
    """A value that means something; None: it does not, and is ignored, as the standard asks."""
    return traceparent if traceparent is not None and _VALID.fullmatch(traceparent) else None


def given() -> str | None:
    """What the caller has given, or the job of this attempt has carried."""
    return _given.get()


@contextmanager
def under(traceparent: str | None) -> Iterator[None]:
    """What is done in the block belongs to the caller's trace."""
    token = _given.set(traceparent)
    try:
        yield
    finally:
        _given.reset(token)
