"""Other PDFs before and after the printed one, and which of all pages are taken."""

from enum import IntEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fleet.render.pdf.given_file import GivenFile, require_one
from fleet.render.pdf.page_selection import PageSelection

MAX_PARTS: Final = 50
MAX_ROTATIONS: Final = 50
# Of all documents together.
MAX_PAGES: Final = 5_000


class PdfPart(GivenFile):
    """A PDF of the caller's own: exactly one of `job`, `file` and `content`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: UUID | None = Field(
        default=None, description="The id of a job of yours that has made a pdf, which is still stored."
    )
    pages: PageSelection | None = Field(
        default=None,
        description="The pages to take, in this order. All if not given.",
        examples=["1-3, last"],
    )

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        require_one(self, "job", "file", "content")
        return self


def _of_text(value: Any) -> Any:
    """A text alone is the id of a job, or else the name of a file."""
    if not isinstance(value, str):
        return value
    try:
        return {"job": UUID(value)}
    except ValueError:
        return {"file": value}


Part = Annotated[PdfPart, BeforeValidator(_of_text, json_schema_input_type=PdfPart | str)]


class Turn(IntEnum):
    """Degrees by which a page can be turned."""

    RIGHT = 90
    HALF = 180
    LEFT = 270


class PdfRotation(BaseModel):
    """A turn of pages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    degrees: Turn = Field(description="Clockwise: 90, 180 or 270.")
    pages: PageSelection | None = Field(
        default=None, description="Pages of the result. All if not given.", examples=["2-3"]
    )


class MergeOptions(BaseModel):
    """Which pages the document has, and in which order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prepend: tuple[Part, ...] = Field(
        default=(),
        max_length=MAX_PARTS,
        description="PDFs that come before the printed pages, such as a cover. Each is the id of a job, the "
        "name of a file, or an object.",
        examples=[["0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01", "cover.pdf"]],
    )
    append: tuple[Part, ...] = Field(
        default=(),
        max_length=MAX_PARTS,
        description="PDFs that come after the printed pages, as in `prepend`.",
    )
    pages: PageSelection | None = Field(
        default=None,
        description="The pages of the whole document that are kept, in this order. All if not given.",
        examples=["2-last, 1"],
    )
    rotate: tuple[PdfRotation, ...] = Field(
        default=(),
        max_length=MAX_ROTATIONS,
        description="Turns pages.",
        examples=[[{"degrees": 90, "pages": "3"}]],
    )
