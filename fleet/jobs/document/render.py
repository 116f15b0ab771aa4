"""What is told of the render of a job: how long it took, what it used, and what its page was."""

from pydantic import BaseModel, ConfigDict, Field


class TimingsDocument(BaseModel):
    """Milliseconds that each stage of the last attempt took, also of the one in which it failed.

    Null for a stage that was not reached.
    """

    queued: float | None = None
    context: float | None = None
    navigation: float | None = None
    readiness: float | None = None
    capture: float | None = None
    upload: float | None = None
    total: float | None = None


class MemoryDocument(BaseModel):
    """Memory of the render."""

    peak_bytes: int | None = Field(description="Highest measured; null when it was not measured.")


class PageDocument(BaseModel):
    """Facts about the page that was rendered."""

    model_config = ConfigDict(from_attributes=True)

    final_url: str | None = Field(default=None, description="Address after redirects.")
    http_status: int | None = Field(default=None, description="Status of the main document.")
    title: str | None = Field(default=None, description="The document's title.")
    language: str | None = Field(default=None, description="The document's language, its attribute `lang`.")


class BlockedDocument(BaseModel):
    """What was kept out of the page because the caller wanted that."""

    model_config = ConfigDict(from_attributes=True)

    ads: int = Field(default=0, description="Requests that the list of advertisements refused.")
    trackers: int = Field(default=0, description="Requests that the list of trackers refused.")
    banners: int = Field(default=0, description="Cookie banners that were answered or hidden.")
    banners_refused: int = Field(default=0, description="Those of them that were answered with a refusal.")
    popups: int = Field(
        default=0, description="Newsletter and app overlays, chat bubbles and the like that were hidden."
    )
    requests: int = Field(
        default=0, description="Requests that were refused in all, also by `block_requests` and its like."
    )
    bytes: int = Field(
        default=0,
        description="Bytes of answers that were cut off once their head told what they are. A request that "
        "is refused before it is sent has no known size, and adds nothing.",
    )
