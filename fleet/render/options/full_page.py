"""The whole page as one picture, and how it is made ready for it."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error

# The longest picture that a format holds (PNG).
MAX_FULL_PAGE_HEIGHT_PX: Final = 100_000


class FullPageOptions(BaseModel):
    """Options of a picture of the whole page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    full_page: bool = Field(
        default=False, description="Capture the whole scrollable page instead of the viewport."
    )
    full_page_scroll: bool = Field(
        default=True,
        description=(
            "Scroll through the page before its picture is taken, so that what loads only when it is seen "
            "is there. For `full_page`."
        ),
    )
    full_page_max_height_px: int | None = Field(
        default=None,
        ge=1,
        le=MAX_FULL_PAGE_HEIGHT_PX,
        description="CSS pixels from the top after which the picture ends. For `full_page`.",
    )

    @model_validator(mode="after")
    def _the_rest_is_for_full_pages(self) -> Self:
        if not self.full_page:
            for name in ("full_page_scroll", "full_page_max_height_px"):
                if name in self.model_fields_set and getattr(self, name) is not None:
                    raise rule_error(name, "is for whole pages; set `full_page` to true, too")
        return self
