"""Settings of the API alone: bodies, waiting, API keys."""

from pydantic import Field

from fleet.settings import FleetSettings


class ApiSettings(FleetSettings):
    """What one API process takes in and how long it waits."""

    api_host: str = Field(default="127.0.0.1", description="Address that the API listens at.")
    api_port: int = Field(default=8000, ge=1, le=65_535, description="Port that the API listens at.")
    api_max_requests: int = Field(
        default=100_000,
        ge=0,
        description="Requests after which a new process takes this one's place, spread by a tenth; 0: never.",
    )
    api_shutdown_grace_s: int = Field(
        default=10, ge=0, le=3600, description="Seconds that open calls may still take after SIGTERM."
    )
    api_max_body_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest request body in bytes; 2 MiB of HTML may need twice that as JSON.",
    )
    api_max_batch_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest body of a batch in bytes; a process needs about six times as much meanwhile.",
    )
    api_body_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Seconds that a request body may take to arrive."
    )
    api_max_waiters: int = Field(
        default=10_000,
        ge=0,
        le=100_000,
        description="Calls of one process that may wait for jobs or stream events at once. Of more, waits "
        "are answered without waiting and streams refused.",
    )
    api_events_keepalive_s: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Seconds between two signs of life in a silent stream of events. A caller that takes "
        "nothing for so long is cut off.",
    )
    api_key_cache_s: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Seconds for which an API key is remembered: a revoked one still works so long.",
    )
