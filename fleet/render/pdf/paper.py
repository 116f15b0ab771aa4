"""The paper of a PDF: its size, which way round it is, its margins, and who decides about them."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.pdf.lengths import MM_PER_INCH, Length, inches

# ISO 32000-1, annex C: readers may refuse a page with a side of more than 14,400 points.
MAX_SIDE_IN: Final = 200.0
MIN_SIDE_IN: Final = 0.4
# About 1 cm, as in Chromium's own dialogue: text that touches the edge is cut off by most printers.
DEFAULT_MARGIN_IN: Final = 0.4
# Of the shorter side, on paper that is smaller than A6, such as labels.
MARGIN_SHARE: Final = 0.1
# What must be left for the page between the margins.
MIN_CONTENT_IN: Final = 0.1


SIDES: Final = ("top", "right", "bottom", "left")


class PaperFormat(StrEnum):
    """Playwright's names of paper sizes."""

    LETTER = "Letter"
    LEGAL = "Legal"
    TABLOID = "Tabloid"
    LEDGER = "Ledger"
    A0 = "A0"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"
    A6 = "A6"

    @classmethod
    def _missing_(cls, value: object) -> "PaperFormat | None":
        """Take `a4` and `LETTER` too, as Playwright does."""
        plain = value.lower() if isinstance(value, str) else ""
        return next((known for known in cls if known.value.lower() == plain), None)


def _mm(width: float, height: float) -> tuple[float, float]:
    return width / MM_PER_INCH, height / MM_PER_INCH


# Width and height in inches. ISO 216 gives those of the A series in millimetres.
SIZES_IN: Final[dict[PaperFormat, tuple[float, float]]] = {
    PaperFormat.LETTER: (8.5, 11.0),
    PaperFormat.LEGAL: (8.5, 14.0),
    PaperFormat.TABLOID: (11.0, 17.0),
    PaperFormat.LEDGER: (17.0, 11.0),
    PaperFormat.A0: _mm(841, 1189),
    PaperFormat.A1: _mm(594, 841),
    PaperFormat.A2: _mm(420, 594),
    PaperFormat.A3: _mm(297, 420),
    PaperFormat.A4: _mm(210, 297),
    PaperFormat.A5: _mm(148, 210),
    PaperFormat.A6: _mm(105, 148),
}


class Margin(BaseModel):
    """White space around what is printed. Headers and footers are printed in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    top: Length | None = Field(default=None, description="Such as `2cm`.", examples=["2cm"])
    right: Length | None = Field(default=None, description="Such as `15mm`.", examples=["15mm"])
    bottom: Length | None = Field(default=None, description="Such as `0.5in`.", examples=["0.5in"])
    left: Length | None = Field(default=None, description="Such as `40px`, or 40.", examples=["40px"])


class PaperOptions(BaseModel):
    """Size, orientation and margins of the paper."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: PaperFormat | None = Field(
        default=None,
        description="Paper size. A4 if nothing says a size: neither you nor the page itself, by `@page`.",
    )
    width: Length | None = Field(
        default=None,
        description="Paper width in place of `format`: such as `80mm`, or a number of CSS pixels.",
        examples=["80mm"],
    )
    height: Length | None = Field(
        default=None, description="Paper height, to be given with `width`.", examples=["200mm"]
    )
    landscape: bool = Field(default=False, description="Turn the paper: width becomes height.")
    margin: Margin | None = Field(default=None, description="The margins of the paper.")
    prefer_css_page_size: bool | None = Field(
        default=None,
        description=(
            "Whether a `size` that the page declares by `@page` counts more than `format`, `width`, `height` "
            "and `landscape`. If not given: only when none of these is given."
        ),
    )
    single_page: bool = Field(
        default=False,
        description="Print all on one page, as high as its content; `width` or `format` gives its width.",
    )

    @model_validator(mode="after")
    def _size_is_said_once(self) -> Self:
        for name in ("width", "height"):
            if getattr(self, name) is not None and self.format is not None:
                raise rule_error(name, "cannot be given together with `format`")
        if self.single_page and self.height is not None:
            raise rule_error("height", "cannot be given together with `single_page`, which gives the height")
        if self.single_page and self.prefer_css_page_size:
            raise rule_error("prefer_css_page_size", "cannot be true together with `single_page`")
        if self.width is None and self.height is not None:
            raise rule_error("height", "needs `width` beside it")
        if self.height is None and self.width is not None and not self.single_page:
            raise rule_error("width", "needs `height` beside it, or `single_page`")
        return self

    @model_validator(mode="after")
    def _sides_are_possible(self) -> Self:
        for name in ("width", "height"):
            length = getattr(self, name)
            if length is not None and not MIN_SIDE_IN <= inches(length) <= MAX_SIDE_IN:
                allowed = f"{MIN_SIDE_IN}in to {MAX_SIDE_IN:.0f}in (about 1 cm to 5 m)"
                raise rule_error(name, f"must be {allowed}", allowed=allowed)
        return self

    @property
    def says_size(self) -> bool:
        """Whether the request says a size of the paper, or which way round it is."""
        return self.format is not None or self.width is not None or self.landscape

    @property
    def paper_in(self) -> tuple[float, float]:
        """Width and height of the paper in inches, turned if that was asked for.

        With `single_page` the height is that of the format, and means nothing.
        """
        width, height = SIZES_IN[self.format or PaperFormat.A4]
        if self.width is not None:
            width = inches(self.width)
        if self.height is not None:
            height = inches(self.height)
        return (height, width) if self.landscape else (width, height)
