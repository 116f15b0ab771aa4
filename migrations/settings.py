"""Whom the migrations let read and write rows."""

from typing import Final

from pydantic import Field

from fleet.settings import FleetSettings

_ROLE: Final = r"^[a-z_][a-z0-9_]{0,62}$"


class RoleSettings(FleetSettings):
    """Whom the migrations let read and write rows."""

    database_api_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Role of the API, to which the migrations grant what it needs; empty: the API is the "
        "tables' owner.",
    )
    database_worker_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Role of the workers, to which the migrations grant what they need; empty: they are the "
        "tables' owner.",
    )
