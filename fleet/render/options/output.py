"""In which form the picture or document is delivered."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.field_errors import rule_error


class Format(StrEnum):
    """Formats of an artifact."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    PDF = "pdf"
    HTML = "html"
    MHTML = "mhtml"
    TEXT = "text"
    MARKDOWN = "markdown"


CONTENT_TYPES: Final[dict[Format, str]] = {
    Format.PNG: "image/png",
    Format.JPEG: "image/jpeg",
    Format.WEBP: "image/webp",
    Format.PDF: "application/pdf",
    Format.HTML: "text/html; charset=utf-8",
    Format.MHTML: "multipart/related",
    Format.TEXT: "text/plain; charset=utf-8",
    Format.MARKDOWN: "text/markdown; charset=utf-8",
}
PICTURES: Final = frozenset({Format.PNG, Format.JPEG, Format.WEBP})
TEXTS: Final = frozenset({Format.HTML, Format.MHTML, Format.TEXT, Format.MARKDOWN})
TRANSPARENT: Final = frozenset({Format.PNG, Format.WEBP})
LOSSY: Final = frozenset({Format.JPEG, Format.WEBP})
DEFAULT_QUALITY: Final = 85


class OutputOptions(BaseModel):
    """Format and quality."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format = Field(
        default=Format.PNG,
        description=(
            "png, jpeg or webp: a picture. pdf: a document. html: the document as scripts have left it. "
            "mhtml: the same with all its parts, in one file. text: the words that one sees. markdown: the "
            "article, for people and models."
        ),
    )
    quality: int | None = Field(
        default=None, ge=1, le=100, description="1 to 100, only for jpeg and webp. 85 if not given."
    )

    @model_validator(mode="after")
    def _quality_is_for_lossy_formats(self) -> Self:
        if self.quality is not None and self.format not in LOSSY:
            raise rule_error("quality", f"is for jpeg and webp; `format` is {self.format.value}")
        return self
