"""How pictures are compared: the models that callers fill in."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.pictures.sizes import MAX_DEVICE_PIXELS

HASH_BITS: Final = 256
MAX_REGIONS: Final = 50


class Method(StrEnum):
    """By what two pictures are compared."""

    VISIBLE = "visible"
    PIXELS = "pixels"
    PERCEPTUAL = "perceptual"


_DEFAULT_THRESHOLDS: Final = {Method.VISIBLE: 0.0, Method.PIXELS: 0.0, Method.PERCEPTUAL: 10.0}
_LARGEST_THRESHOLDS: Final = {Method.VISIBLE: 1.0, Method.PIXELS: 1.0, Method.PERCEPTUAL: float(HASH_BITS)}

_Place = Annotated[int, Field(ge=0, le=MAX_DEVICE_PIXELS)]
_Side = Annotated[int, Field(ge=1, le=MAX_DEVICE_PIXELS)]


class Region(BaseModel):
    """A rectangle of a picture, in its pixels (device pixels), from its upper left corner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: _Place = Field(description="Pixels from the left edge.")
    y: _Place = Field(description="Pixels from the top.")
    width: _Side = Field(description="Width in pixels.")
    height: _Side = Field(description="Height in pixels.")

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom."""
        return self.x, self.y, self.x + self.width, self.y + self.height


class ComparisonOptions(BaseModel):
    """When two pictures count as equal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = Field(
        default=Method.VISIBLE,
        description="visible: what a person can see, without the smoothing of edges; pixels: any difference; "
        "perceptual: a difference hash, which sees shapes but no details.",
    )
    threshold: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description=(
            "How much may differ before a picture counts as changed. visible and pixels: the share of "
            f"pixels, below 1 [0]; perceptual: bits of the hash, below {HASH_BITS} [10]."
        ),
    )
    ignore_regions: tuple[Region, ...] = Field(
        default=(),
        max_length=MAX_REGIONS,
        description="Rectangles of the picture, in its pixels, in which nothing counts.",
    )

    @model_validator(mode="after")
    def _threshold_fits_the_method(self) -> Self:
        largest = _LARGEST_THRESHOLDS[self.method]
        if self.limit >= largest:
            raise rule_error(
                "threshold", "would let every picture count as equal", allowed=f"less than {largest:g}"
            )
        return self

    @property
    def limit(self) -> float:
        """The threshold, or the method's own where none was given."""
        return _DEFAULT_THRESHOLDS[self.method] if self.threshold is None else self.threshold
