"""Which of two media types a caller would rather have: the `Accept` header (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterable
from typing import Final

_QUALITY: Final = re.compile(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", re.ASCII | re.IGNORECASE)


def prefers(accept: Iterable[str], media_type: str, *, to: str) -> bool:
    """Whether the first type is wanted more than the second. Without a header, both are wanted alike.

    Args:
        accept: the values of the header.
        media_type: such as `image/png`, without parameters.
        to: such as `application/json`.
    """
    ranges = dict(map(_range, ",".join(accept).split(",")))
    return _quality(ranges, media_type) > _quality(ranges, to)


def _range(text: str) -> tuple[str, float]:
    """A media range and how much it is wanted. Other parameters are ignored."""
    name, *parameters = text.split(";")
    matches = [match for match in map(_QUALITY.fullmatch, parameters) if match]
    return name.strip().lower(), min(1.0, float(matches[0][1])) if matches else 1.0


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """The quality of the most specific range that the type is in; 0: it is in none."""
    kind = media_type.partition("/")[0]
    return next((ranges[one] for one in (media_type, f"{kind}/*", "*/*") if one in ranges), 0.0)
