"""In which form the picture or document is delivered."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error


class Format(StrEnum):
    """Formats of an artifact."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    PDF = "pdf"
    HTML = "html"
    MHTML = "mhtml"
    TEXT = "text"
    MARKDOWN = "markdown"


class Optimize(StrEnum):
    """What a picture is encoded for."""

    SPEED = "speed"
    SIZE = "size"


CONTENT_TYPES: Final[dict[Format, str]] = {
    Format.PNG: "image/png",
    Format.JPEG: "image/jpeg",
    Format.WEBP: "image/webp",
    Format.AVIF: "image/avif",
    Format.PDF: "application/pdf",
    Format.HTML: "text/html; charset=utf-8",
    Format.MHTML: "multipart/related",
    Format.TEXT: "text/plain; charset=utf-8",
    Format.MARKDOWN: "text/markdown; charset=utf-8",
}
PICTURES: Final = frozenset({Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF})
TEXTS: Final = frozenset({Format.HTML, Format.MHTML, Format.TEXT, Format.MARKDOWN})
TRANSPARENT: Final = frozenset({Format.PNG, Format.WEBP, Format.AVIF})
LOSSY: Final = frozenset({Format.JPEG, Format.WEBP, Format.AVIF})
DEFAULT_QUALITY: Final = {Format.JPEG: 85, Format.WEBP: 85, Format.AVIF: 60}
# The sides of a result that is made smaller or larger.
MAX_RESULT_SIDE_PX: Final = 16_383


class OutputOptions(BaseModel):
    """Format, quality and size of the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format = Field(
        default=Format.PNG,
        description=(
            "png, jpeg, webp or avif: a picture. pdf: a document. html: the document as scripts have left "
            "it. mhtml: the same with all its parts, in one file. text: the words that one sees. markdown: "
            "the article, for people and models."
        ),
    )
    quality: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description=(
            "1 to 100, only for jpeg, webp and avif. If not given, 85, and 60 for avif. A webp of 100 is "
            "lossless."
        ),
    )
    optimize: Optimize = Field(
        default=Optimize.SPEED,
        description="speed, or size: a png of the same pixels, or a pdf of the same pages, in fewer bytes. "
        "It takes longer.",
    )
    width_px: int | None = Field(
        default=None,
        ge=1,
        le=MAX_RESULT_SIDE_PX,
        description="The picture is resized to this width. Without `height_px` it keeps its proportions.",
    )
    height_px: int | None = Field(
        default=None,
        ge=1,
        le=MAX_RESULT_SIDE_PX,
        description="The picture is resized to this height. Without `width_px` it keeps its proportions.",
    )

    @model_validator(mode="after")
    def _options_are_for_some_formats(self) -> Self:
        given = f"`format` is {self.format.value}"
        if self.quality is not None and self.format not in LOSSY:
            raise rule_error("quality", f"is for jpeg, webp and avif; {given}")
        if self.optimize is Optimize.SIZE and self.format not in (Format.PNG, Format.PDF):
            raise rule_error("optimize", f"can be size only for png and pdf; {given}")
        for name in ("width_px", "height_px"):
            if getattr(self, name) is not None and self.format not in PICTURES:
                raise rule_error(name, f"is for pictures; {given}")
        return self
