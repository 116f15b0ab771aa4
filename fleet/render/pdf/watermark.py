"""What is drawn over or under each page: a text, a picture, or a page of another PDF."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import CSS_COLOUR, LINES_OF_TEXT
from fleet.render.pdf.given_file import GivenFile, of_text, require_one
from fleet.render.pdf.merge import Part
from fleet.render.pdf.page_selection import PageSelection

MAX_TEXT_LENGTH: Final = 200


class Layer(StrEnum):
    """Whether a watermark covers the page or lies under it."""

    OVER = "over"
    UNDER = "under"


Picture = Annotated[GivenFile, BeforeValidator(of_text("file"), json_schema_input_type=GivenFile | str)]


class PdfWatermark(BaseModel):
    """Exactly one of `text`, `image` and `pdf`, in the middle of each page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH, pattern=LINES_OF_TEXT)] | None = Field(
        default=None, description="A text, in any script.", examples=["DRAFT"]
    )
    image: Picture | None = Field(
        default=None, description="A picture that Chromium can show, such as PNG, JPEG, WebP or SVG."
    )
    pdf: Part | None = Field(
        default=None, description="A PDF, as in `prepend`: its first page, or the first of its `pages`."
    )
    color: Annotated[str, StringConstraints(pattern=CSS_COLOUR)] = Field(
        default="gray", description="Colour of the text: a CSS name, or #RRGGBB.", examples=["#cc0000"]
    )
    opacity: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="1 covers what is below it. If not given, 0.3 for a text, else 1.",
    )
    rotation: float | None = Field(
        default=None, ge=-360, le=360, description="Degrees clockwise. If not given, -45 for a text, else 0."
    )
    scale: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="The share of the page's width and height that it fills at most. If not given, 0.8 for a "
        "text, 0.5 for a picture, 1 for a pdf.",
    )
    layer: Layer = Field(
        default=Layer.OVER,
        description="over or under what the page shows. Backgrounds of a page hide what is under.",
    )
    pages: PageSelection | None = Field(
        default=None, description="Pages of the result. All if not given.", examples=["1"]
    )

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        require_one(self, "text", "image", "pdf")
        return self
