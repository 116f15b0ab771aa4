"""What happens around the render: attempts, and the caller's own name for the job."""

from pydantic import BaseModel, ConfigDict, Field


class DeliveryOptions(BaseModel):
    """Options that the queue reads; the page never sees them, so they have no step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often the fleet may try when the failure is not the page's own.",
    )
    external_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Your own name for the job, given back as it is; no control characters.",
    )
