"""Lengths on paper, such as `2.5cm`: text with a unit, or a number of CSS pixels."""

import re
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from fleet.input.field_errors import LENGTH

# CSS Values 4, section 6.2: one inch is 96 px, 72 pt, 2.54 cm.
PX_PER_INCH: Final = 96.0
POINTS_PER_INCH: Final = 72.0
MM_PER_INCH: Final = 25.4
_PER_INCH: Final = {
    "px": PX_PER_INCH,
    "in": 1.0,
    "cm": MM_PER_INCH / 10,
    "mm": MM_PER_INCH,
    "pt": POINTS_PER_INCH,
}
_ALLOWED: Final = "a number of CSS pixels, or text with a unit: px, in, cm, mm or pt, such as 2.5cm"
_MAX_NUMBER: Final = 1e9


def _with_unit(value: Any) -> str:
    """The text for a number of CSS pixels; a text as it is."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value < _MAX_NUMBER:
        return f"{value:.9f}".rstrip("0").rstrip(".") + "px"
    if isinstance(value, str) and re.fullmatch(LENGTH, value):
        return value
    raise ValueError(f"must be {_ALLOWED}")


Length = Annotated[
    str,
    BeforeValidator(
        _with_unit,
        json_schema_input_type=Annotated[float, Field(ge=0, lt=_MAX_NUMBER)]
        | Annotated[str, Field(pattern=LENGTH)],
    ),
]


@lru_cache(maxsize=256)
def inches(length: str) -> float:
    """How many inches a `Length` is."""
    return float(length[:-2]) / _PER_INCH[length[-2:]]
