"""Which part of the page becomes the picture."""

from pydantic import BaseModel, ConfigDict, Field


class ScreenshotOptions(BaseModel):
    """Options of pictures; a pdf ignores none of them silently, it refuses them (`RenderRequest`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    full_page: bool = Field(
        default=False, description="Capture the whole scrollable page instead of the viewport."
    )
