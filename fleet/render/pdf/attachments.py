"""Files inside of a PDF, such as the invoice as data."""

import mimetypes
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import MEDIA_TYPE, NO_CONTROL_CHARACTERS, rule_error
from fleet.render.pdf.given_file import GivenFile

MAX_ATTACHMENTS: Final = 50
MAX_DESCRIPTION_LENGTH: Final = 1_000
MAX_NAME_LENGTH: Final = 255
_ANY: Final = "application/octet-stream"


class Relationship(StrEnum):
    """What a file is to the document (ISO 32000-2, table 43)."""

    SOURCE = "source"
    DATA = "data"
    ALTERNATIVE = "alternative"
    SUPPLEMENT = "supplement"
    UNSPECIFIED = "unspecified"


class PdfAttachment(GivenFile):
    """A file inside of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH, pattern=NO_CONTROL_CHARACTERS)
    ] = Field(description="Its name in the document.", examples=["factur-x.xml"])
    content_type: Annotated[str, StringConstraints(pattern=MEDIA_TYPE)] | None = Field(
        default=None, description="Media type. If not given: by the ending of `name`.", examples=["text/xml"]
    )
    relationship: Relationship = Field(
        default=Relationship.UNSPECIFIED,
        description="What it is to the document: source (it was made from it), data (of a table or a chart), "
        "alternative (the same in another form), supplement or unspecified.",
    )
    description: (
        Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_LENGTH, pattern=NO_CONTROL_CHARACTERS)]
        | None
    ) = Field(default=None, description="Shown beside it by readers.")

    @model_validator(mode="after")
    def _name_is_no_path(self) -> Self:
        if "/" in self.name or "\\" in self.name or self.name in (".", ".."):
            raise rule_error("name", "must be a file name without a folder, such as data.xml")
        return self

    @property
    def media_type(self) -> str:
        """`content_type`, or what the name says."""
        return self.content_type or mimetypes.guess_type(self.name)[0] or _ANY
