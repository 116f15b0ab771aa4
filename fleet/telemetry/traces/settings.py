"""Settings of traces."""

from pydantic import Field

from fleet.settings import FleetSettings


class TraceSettings(FleetSettings):
    """Where spans are sent, and how many of them."""

    traces_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of a receiver of OpenTelemetry by OTLP over HTTP, such as "
        "`http://collector:4318`. Empty: no traces are made.",
    )
    traces_sample: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the traces begun by renderfleet that is sent: 0.1 sends one in ten. A trace "
        "that a caller has begun is sent if the caller's `traceparent` says that it is recorded.",
    )
