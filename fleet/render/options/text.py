"""What of the page becomes text."""

from pydantic import BaseModel, ConfigDict, Field


class TextOptions(BaseModel):
    """Options of the formats that are text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    article_only: bool = Field(
        default=True,
        description=(
            "For markdown: only the article that a page is about, without menus, footers and the like. "
            "false: the whole page."
        ),
    )
