"""Which bytes of an artifact a caller wants: Range, If-Range and If-None-Match (RFC 9110, 13 and 14)."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes first to last, both included, as HTTP counts them."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.last - self.first + 1


class UnsatisfiableRangeError(Exception):
    """The range begins after the end of the artifact (416)."""


def is_unmodified(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match says that the caller already has this artifact (304)."""
    value = headers.get("if-none-match")
    if value is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in value.split(",")}
    return "*" in known or etag in known


def requested_span(headers: Headers, *, size: int, etag: str) -> Span | None:
    """The range that the caller asks for; None: the whole artifact.

    Several ranges, a malformed range, a unit other than bytes and an If-Range that does not match all mean
    the whole artifact. RFC 9110 allows this (section 14.2): the status tells the caller what it gets.

    Raises:
        UnsatisfiableRangeError: the range begins after the end.
    """
    value = headers.get("range")
    if value is None or headers.get("if-range", etag) != etag:
        return None
    match = _ONE_RANGE.fullmatch(value.strip())
    if match is None:
        return None
    if match[3] is not None:
        first, last = max(0, size - int(match[3])), size - 1
    else:
        first = int(match[1])
        last = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < first:
            return None  # not a range at all (section 14.1.1)
    if first > last:
        raise UnsatisfiableRangeError
    return Span(first, last)
