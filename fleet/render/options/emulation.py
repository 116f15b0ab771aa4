"""How the page sees its reader: browser, language, place, preferences; and what the browser lets pass."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fleet.input.field_errors import PRINTABLE_ASCII
from fleet.input.locales import LocaleName
from fleet.input.time_zones import ZoneName

# Longer than any browser's; servers often refuse heads of more than 8 KiB.
MAX_USER_AGENT_LENGTH: Final = 1_000
_MAX_ACCURACY_M: Final = 100_000_000  # more than the Earth is round


class ColorScheme(StrEnum):
    """Answers to `prefers-color-scheme`."""

    LIGHT = "light"
    DARK = "dark"


class ReducedMotion(StrEnum):
    """Answers to `prefers-reduced-motion`."""

    REDUCE = "reduce"
    NO_PREFERENCE = "no-preference"


class Contrast(StrEnum):
    """Answers to `prefers-contrast`."""

    MORE = "more"
    NO_PREFERENCE = "no-preference"


class ForcedColors(StrEnum):
    """Answers to `forced-colors`."""

    ACTIVE = "active"
    NONE = "none"


class Media(StrEnum):
    """CSS media types."""

    SCREEN = "screen"
    PRINT = "print"


class Geolocation(BaseModel):
    """A place on Earth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees, north is positive.")
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, east is positive.")
    accuracy: float = Field(
        default=0,
        ge=0,
        le=_MAX_ACCURACY_M,
        allow_inf_nan=False,
        description="Metres of error.",
    )


class EmulationOptions(BaseModel):
    """What the browser says of itself and of its user. All of it holds before the page is loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_agent: (
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=MAX_USER_AGENT_LENGTH, pattern=PRINTABLE_ASCII),
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "The header User-Agent and `navigator.userAgent`. The client hints (Sec-CH-UA) and "
            "`navigator.platform` agree with it."
        ),
    )
    locale: LocaleName | None = Field(
        default=None,
        description="The user's language: Accept-Language, `navigator.language`, numbers and dates.",
        examples=["de-DE"],
    )
    timezone_id: ZoneName | None = Field(
        default=None,
        description="The time zone of the page's clock, by its IANA name. The worker's if not given.",
        examples=["Europe/Berlin"],
    )
    geolocation: Geolocation | None = Field(
        default=None,
        description="Where the user is. The page may read it without asking, if it was loaded by https.",
    )
    color_scheme: ColorScheme = Field(
        default=ColorScheme.LIGHT, description="light or dark: the answer to `prefers-color-scheme`."
    )
    reduced_motion: ReducedMotion = Field(
        default=ReducedMotion.NO_PREFERENCE,
        description="reduce or no-preference: the answer to `prefers-reduced-motion`.",
    )
    contrast: Contrast = Field(
        default=Contrast.NO_PREFERENCE, description="more or no-preference: the answer to `prefers-contrast`."
    )
    forced_colors: ForcedColors = Field(
        default=ForcedColors.NONE, description="active or none: the answer to `forced-colors`."
    )
    media: Media | None = Field(
        default=None,
        description="screen or print: whose style sheets hold. If not given, print for a pdf, else screen.",
    )
    java_script_enabled: bool = Field(default=True, description="Whether the page's scripts run.")
    bypass_csp: bool = Field(
        default=False, description="Ignore the page's Content-Security-Policy, which forbids added scripts."
    )
    ignore_https_errors: bool = Field(
        default=False, description="Accept certificates that are expired, self-signed or for another name."
    )
