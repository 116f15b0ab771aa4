"""PdfDocument: everything that can be asked of a PDF, as the option `pdf{}`."""

from typing import Final, Self

from pydantic import ConfigDict, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.pdf.after_print import AfterPrintOptions
from fleet.render.pdf.content import PrintedContentOptions
from fleet.render.pdf.header_footer import HeaderFooterOptions
from fleet.render.pdf.lengths import inches
from fleet.render.pdf.paper import (
    DEFAULT_MARGIN_IN,
    MARGIN_SHARE,
    MIN_CONTENT_IN,
    SIDES,
    PaperOptions,
)

# Room for a line of the default font size, and for the 15 pt above it that Chromium leaves empty.
HEADER_MARGIN_IN: Final = 0.6


class PdfDocument(PaperOptions, PrintedContentOptions, HeaderFooterOptions, AfterPrintOptions):
    """The groups side by side, as one object. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def margins_in(self) -> tuple[float, float, float, float]:
        """The margins in inches: top, right, bottom and left."""
        top, right, bottom, left = (self._margin_in(side) for side in SIDES)
        return top, right, bottom, left

    def _margin_in(self, side: str) -> float:
        given: str | None = getattr(self.margin, side) if self.margin is not None else None
        if given is not None:
            return inches(given)
        if side in ("top", "bottom") and self.has_header_footer:
            return HEADER_MARGIN_IN
        width, height = self.paper_in
        shorter = width if self.single_page else min(width, height)
        return min(DEFAULT_MARGIN_IN, shorter * MARGIN_SHARE)

    @model_validator(mode="after")
    def _one_page_has_no_ranges(self) -> Self:
        if self.single_page and self.page_ranges is not None:
            raise rule_error("page_ranges", "is not for `single_page`")
        return self

    @model_validator(mode="after")
    def _something_is_left_between_the_margins(self) -> Self:
        """Refuse margins that leave no room: Chromium does so too, whatever the page declares."""
        width, height = self.paper_in
        top, right, bottom, left = self.margins_in
        rest = {"width": width - left - right, "height": height - top - bottom}
        if self.single_page:
            del rest["height"]
        for side, left_in in rest.items():
            if left_in < MIN_CONTENT_IN:
                paper = width if side == "width" else height
                raise rule_error(
                    "margin",
                    f"leaves no room: the paper has a {side} of {paper:.2f} in, and the margins take "
                    f"{paper - left_in:.2f} in of it",
                    allowed=f"margins that leave {MIN_CONTENT_IN} in",
                )
        return self
