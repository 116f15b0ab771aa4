"""Settings for the Postgres roles that may read and write rows."""

from typing import Final

from pydantic import Field

from fleet.settings import FleetSettings

_ROLE: Final = r"^[a-z_][a-z0-9_]{0,62}$"


class RoleSettings(FleetSettings):
    """The Postgres roles to which the migrations grant rights."""

    database_api_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Postgres role of the API: the migrations grant it what it needs. Empty: the API logs in "
        "as the owner of the tables.",
    )
    database_worker_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Postgres role of the workers: the migrations grant it what it needs. Empty: workers log "
        "in as the owner of the tables.",
    )
