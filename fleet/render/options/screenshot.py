"""Which part of the page becomes the picture, and how it looks there."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.options.full_page import MAX_FULL_PAGE_HEIGHT_PX

MAX_SELECTOR_LENGTH: Final = 1_000
MAX_HIDE_SELECTORS: Final = 100
MAX_PADDING_PX: Final = 1_000


class Animations(StrEnum):
    """Playwright's words for what becomes of animations."""

    ALLOW = "allow"
    DISABLED = "disabled"


class Caret(StrEnum):
    """Playwright's words for what becomes of the text cursor."""

    HIDE = "hide"
    INITIAL = "initial"


class Clip(BaseModel):
    """A part of the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: float = Field(ge=0, le=MAX_FULL_PAGE_HEIGHT_PX, description="CSS pixels from the left of the page.")
    y: float = Field(ge=0, le=MAX_FULL_PAGE_HEIGHT_PX, description="CSS pixels from the top of the page.")
    width: float = Field(ge=1, le=MAX_FULL_PAGE_HEIGHT_PX, description="CSS pixels.")
    height: float = Field(ge=1, le=MAX_FULL_PAGE_HEIGHT_PX, description="CSS pixels.")


class ScreenshotOptions(BaseModel):
    """Options of pictures; a pdf ignores none of them silently, it refuses them (`RenderRequest`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SELECTOR_LENGTH,
        description=(
            "A CSS selector: the picture shows the first visible element that matches, wherever it is on the "
            "page, also in frames and open shadow trees."
        ),
        examples=["#chart"],
    )
    selector_padding_px: int = Field(
        default=0,
        ge=0,
        le=MAX_PADDING_PX,
        description="CSS pixels of the page that are shown around the element of `selector`.",
    )
    clip: Clip | None = Field(
        default=None,
        description="Show this part of the page, in CSS pixels from its top left, wherever it is.",
    )
    omit_background: bool = Field(
        default=False,
        description="Leave out the white behind the page, so that it is transparent. Not for jpeg.",
    )
    hide_selectors: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_HIDE_SELECTORS,
        description="CSS selectors: what matches is not drawn (`visibility: hidden`); its place stays empty.",
        examples=[[".cookie-banner", "#chat"]],
    )
    animations: Animations = Field(
        default=Animations.ALLOW,
        description=(
            "allow, or disabled: CSS animations, transitions and Web Animations are put to their end, "
            "endless ones to their start."
        ),
    )
    caret: Caret = Field(
        default=Caret.HIDE, description="hide, or initial: the text cursor is shown where the page has one."
    )

    @model_validator(mode="after")
    def _one_part_of_the_page(self) -> Self:
        if self.clip is not None and self.selector is not None:
            raise rule_error("clip", "cannot be given together with `selector`")
        if self.selector is None and self.selector_padding_px:
            raise rule_error("selector_padding_px", "is for `selector`, which is missing")
        return self

    @model_validator(mode="after")
    def _selectors_have_a_usual_length(self) -> Self:
        for number, selector in enumerate(self.hide_selectors):
            if not 0 < len(selector) <= MAX_SELECTOR_LENGTH:
                allowed = f"1 to {MAX_SELECTOR_LENGTH} characters"
                raise rule_error(f"hide_selectors.{number}", f"must have {allowed}", allowed=allowed)
        return self
