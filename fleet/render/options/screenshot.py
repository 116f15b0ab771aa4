"""Which part of the page becomes the picture."""

from pydantic import BaseModel, ConfigDict


class ScreenshotOptions(BaseModel):
    """Options of pictures; a pdf ignores none of them silently, it refuses them (`RenderRequest`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
