"""Pages by their numbers, such as `1-3, 8, last`, in the order in which they are named."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

MAX_SELECTION_LENGTH: Final = 1_000
LAST: Final = "last"
_PLACE: Final = r"(?:[0-9]{1,6}|last)"
_PART: Final = re.compile(rf"\s*({_PLACE})\s*(?:(-)\s*({_PLACE})?\s*)?", re.ASCII)
_ALLOWED: Final = "numbers of pages and ranges with commas between them, such as 1-3, 8, 11-last"


def _possible(selection: str) -> str:
    """The selection without blanks."""
    parts = []
    for part in selection.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"must be {_ALLOWED}")
        first, dash, last = match.groups()
        if (first.isdigit() and not int(first)) or ((last or "1").isdigit() and not int(last or "1")):
            raise ValueError("has a page 0; the first page is 1")
        parts.append(f"{first}-{last or LAST}" if dash else first)
    return ",".join(parts)


PageSelection = Annotated[
    str, Field(min_length=1, max_length=MAX_SELECTION_LENGTH), AfterValidator(_possible)
]


def ranges(selection: str) -> list[tuple[int, int]]:
    """First and last page of each part of a `PageSelection`; -1 is the last page of the document.

    A part may go backwards: `3-1` is page 3, then 2, then 1.
    """
    pairs = []
    for part in selection.split(","):
        first, _, last = part.partition("-")
        pairs.append((_number(first), _number(last or first)))
    return pairs


def _number(place: str) -> int:
    return -1 if place == LAST else int(place)
