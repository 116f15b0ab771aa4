"""What a PDF says of itself."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from fleet.input.field_errors import NO_CONTROL_CHARACTERS

MAX_LABEL_LENGTH: Final = 1_000
MAX_KEYWORDS: Final = 100
# RFC 5646, section 2.1, without the tags that were registered before it, such as `i-klingon`.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_MAX_LANGUAGE_LENGTH: Final = 35


def _language(tag: str) -> str:
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError("must be a language tag, such as de or en-GB")
    return tag


Label = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_LABEL_LENGTH, pattern=NO_CONTROL_CHARACTERS)
]


class PdfMetadata(BaseModel):
    """Labels of the document. What is not given stays as Chromium has written it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Label | None = Field(
        default=None, description="Shown in the window of a reader. If not given: the page's title."
    )
    author: Label | None = Field(default=None, description="Who wrote it.")
    subject: Label | None = Field(default=None, description="What it is about.")
    keywords: tuple[Label, ...] | None = Field(
        default=None, min_length=1, max_length=MAX_KEYWORDS, description="Words to find it by."
    )
    creator: Label | None = Field(default=None, description="The program that made the document.")
    language: Annotated[str, Field(max_length=_MAX_LANGUAGE_LENGTH), AfterValidator(_language)] | None = (
        Field(
            default=None,
            description="Language of the text, for programs that read aloud. If not given: the page's own.",
            examples=["en-GB"],
        )
    )
