"""When a page counts as ready, and how long each stage may take."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class WaitUntil(StrEnum):
    """Playwright's words for the stages of loading a page."""

    COMMIT = "commit"
    DOMCONTENTLOADED = "domcontentloaded"
    LOAD = "load"
    NETWORKIDLE = "networkidle"


class ReadinessOptions(BaseModel):
    """Waits and limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_until: WaitUntil = Field(
        default=WaitUntil.LOAD,
        description=(
            "When the page counts as ready: commit (the answer has begun), domcontentloaded, load (images "
            "and frames too) or networkidle (no connection for 500 ms)."
        ),
    )
    navigation_timeout_ms: int = Field(
        default=30_000, ge=1, le=120_000, description="Milliseconds in which the page must be ready."
    )
    timeout_ms: int = Field(
        default=60_000, ge=1, le=300_000, description="Milliseconds for one whole attempt, with the upload."
    )
