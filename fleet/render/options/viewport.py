"""The screen that the page sees: its window, the density of its pixels, whether it is a phone's."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.pictures.sizes import MAX_DEVICE_PIXELS
from fleet.render.devices import known_device

MAX_SIDE_PX: Final = 8_192
# The densest of Playwright's devices has 4.5.
MAX_SCALE: Final = 5.0


class Viewport(BaseModel):
    """Width and height in CSS pixels. A side that is not given is that of the device, or of the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(default=1280, ge=1, le=MAX_SIDE_PX, description="CSS pixels.")
    height: int = Field(default=720, ge=1, le=MAX_SIDE_PX, description="CSS pixels.")


class Screen(BaseModel):
    """Width and height of the whole screen in CSS pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=1, le=MAX_SIDE_PX, description="CSS pixels.")
    height: int = Field(ge=1, le=MAX_SIDE_PX, description="CSS pixels.")


class ViewportOptions(BaseModel):
    """Viewport and scale, whose product is capped, and the kind of screen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Annotated[str, AfterValidator(known_device)] | None = Field(
        default=None,
        description=(
            "The name of a device as Playwright has it, such as `iPhone 15`. It gives `viewport`, `screen`, "
            "`device_scale_factor`, `is_mobile`, `has_touch` and `user_agent` their values, unless you give "
            "them yourself."
        ),
        examples=["iPhone 15", "Pixel 7 landscape"],
    )
    viewport: Viewport = Field(
        default=Viewport(),
        description="The size of the window in which the page is shown.",
    )
    screen: Screen | None = Field(
        default=None, description="What `window.screen` says. The size of `viewport` if not given."
    )
    device_scale_factor: float = Field(
        default=1.0,
        ge=0.1,
        le=MAX_SCALE,
        allow_inf_nan=False,
        description="Pixels of the picture for each CSS pixel.",
    )
    is_mobile: bool = Field(
        default=False,
        description="As on a phone: `<meta name=viewport>` counts, and wide pages are made smaller.",
    )
    has_touch: bool = Field(
        default=False, description="The screen takes touches, and has no mouse that could hover."
    )

    @model_validator(mode="after")
    def _device_pixels_are_bounded(self) -> Self:
        pixels = self.viewport.width * self.viewport.height * self.device_scale_factor**2
        if pixels > MAX_DEVICE_PIXELS:
            raise rule_error(
                "viewport",
                f"width x height x `device_scale_factor` squared is {pixels:,.0f} pixels; at most "
                f"{MAX_DEVICE_PIXELS:,} are allowed",
                allowed=f"at most {MAX_DEVICE_PIXELS:,} pixels",
            )
        return self
