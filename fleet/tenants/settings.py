"""The limits of tenants that have none of their own."""

from pydantic import Field

from fleet.settings import FleetSettings


class TenantSettings(FleetSettings):
    """The limits of tenants that have none of their own (`python -m fleet.limits` gives them some)."""

    tenant_max_queued: int = Field(
        default=100_000,
        ge=0,
        description="Queued jobs that a tenant may have; more are refused with 429. 0: no limit.",
    )
    tenant_max_running: int = Field(
        default=0,
        ge=0,
        description="Jobs of a tenant that run at once; more wait in the queue. 0: no limit.",
    )
    tenant_max_requests_per_s: float = Field(
        default=500.0,
        ge=0,
        le=100_000,
        description="Calls that a tenant may make in a second, over all API processes; more are refused with "
        "429. 0: no limit.",
    )
    tenant_burst: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Calls that a tenant may make at once after a pause. 0: as many as in two seconds.",
    )
    tenant_max_renders_per_month: int = Field(
        default=0,
        ge=0,
        description="Jobs that a tenant may have accepted in a calendar month (UTC); more are refused with "
        "429. 0: no limit.",
    )

    @property
    def max_running(self) -> int | None:
        """How many jobs of a tenant may run at the same time; None: no limit."""
        return self.tenant_max_running or None
