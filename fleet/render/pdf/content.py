"""What of the page is printed, and how: its pages, its size, its colours, its structure."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error

MAX_RANGES_LENGTH: Final = 1_000
_RANGE: Final = re.compile(r"\s*([0-9]{1,6})\s*(?:(-)\s*([0-9]{1,6})?\s*)?", re.ASCII)
_RANGES_ALLOWED: Final = "numbers of pages and ranges with commas between them, such as 1-5, 8, 11-"


def _possible(ranges: str) -> str:
    """The ranges without blanks."""
    found = [_RANGE.fullmatch(part) for part in ranges.split(",")]
    if not all(found):
        raise ValueError(f"must be {_RANGES_ALLOWED}")
    parts = []
    for match in filter(None, found):
        first, dash, last = match.groups()
        if int(first) == 0:
            raise ValueError("has a page 0; the first page is 1")
        if last is not None and int(last) < int(first):
            raise ValueError(f"has the range {first}-{last}, which ends before it begins")
        parts.append(f"{int(first)}{dash or ''}{int(last) if last else ''}")
    return ",".join(parts)


PageRanges = Annotated[str, Field(min_length=1, max_length=MAX_RANGES_LENGTH), AfterValidator(_possible)]


class PrintedContentOptions(BaseModel):
    """Which pages are printed, and what they hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: float = Field(
        default=1.0, ge=0.1, le=2, allow_inf_nan=False, description="How large the page is printed."
    )
    print_background: bool = Field(default=True, description="Print background colours and pictures.")
    page_ranges: PageRanges | None = Field(
        default=None,
        description="The pages to print, such as `1-5, 8, 11-`. All if not given.",
        examples=["1-5, 8, 11-"],
    )
    outline: bool = Field(
        default=False, description="Write an outline (bookmarks) of the page's headings. Needs `tagged`."
    )
    tagged: bool = Field(
        default=True,
        description="Write the structure of the text, which screen readers need. Makes the file larger.",
    )

    @model_validator(mode="after")
    def _outline_has_its_source(self) -> Self:
        if self.outline and not self.tagged:
            raise rule_error("outline", "needs `tagged`: the browser finds the headings by their tags")
        return self
