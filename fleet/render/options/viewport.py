"""The size of the window that the page sees, and the density of its pixels."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.field_errors import rule_error

MAX_SIDE_PX: Final = 8_192
MAX_SCALE: Final = 4.0
# Chromium holds 4 bytes for each device pixel, several times over while it encodes: 40 million are about
# 160 MB a copy. A 4K window at scale 2 is 33 million.
MAX_DEVICE_PIXELS: Final = 40_000_000


class Viewport(BaseModel):
    """Width and height in CSS pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=1, le=MAX_SIDE_PX, description="CSS pixels.")
    height: int = Field(ge=1, le=MAX_SIDE_PX, description="CSS pixels.")


class ViewportOptions(BaseModel):
    """Viewport and scale; their product is capped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    viewport: Viewport = Field(
        default=Viewport(width=1280, height=720),
        description="The size of the window in which the page is shown.",
    )
    device_scale_factor: float = Field(
        default=1.0,
        ge=0.1,
        le=MAX_SCALE,
        allow_inf_nan=False,
        description="Pixels of the picture for each CSS pixel.",
    )

    @model_validator(mode="after")
    def _device_pixels_are_bounded(self) -> Self:
        pixels = self.viewport.width * self.viewport.height * self.device_scale_factor**2
        if pixels > MAX_DEVICE_PIXELS:
            raise rule_error(
                "viewport",
                f"width x height x `device_scale_factor` squared is {pixels:,.0f} pixels",
                allowed=f"at most {MAX_DEVICE_PIXELS:,} pixels",
            )
        return self
