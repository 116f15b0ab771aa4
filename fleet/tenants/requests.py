"""What an operator may say of a tenant and of an API key, checked in one place for API and commands."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from fleet.egress.networks import split_denials, split_network
from fleet.field_errors import NO_CONTROL_CHARACTERS
from fleet.tenants.tenant import Scope

MIN_WEIGHT: Final = 0.01
MAX_WEIGHT: Final = 100.0
MIN_REQUESTS_PER_S: Final = 0.01
MAX_REQUESTS_PER_S: Final = 100_000.0
MAX_BURST: Final = 1_000_000
MAX_COUNT: Final = 2**31 - 1
MAX_RENDERS: Final = 10**12
MAX_ENTRIES: Final = 100
_USUAL_WEIGHT: Final = 1.0

# What an operator calls a tenant or a key.
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS)]
_Entry = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
_Entries = Annotated[tuple[_Entry, ...], Field(max_length=MAX_ENTRIES)]


class TenantChanges(BaseModel):
    """What is to be another way. What is not named stays; null takes the setting again, or the usual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float | None = Field(
        default=None,
        ge=MIN_WEIGHT,
        le=MAX_WEIGHT,
        allow_inf_nan=False,
        description="Share of a busy fleet; 1 is usual.",
    )
    max_queued: int | None = Field(
        default=None, ge=0, le=MAX_COUNT, description="Queued jobs that it may have; more are refused."
    )
    max_running: int | None = Field(
        default=None, ge=1, le=MAX_COUNT, description="Its jobs that run at once; more wait."
    )
    max_requests_per_s: float | None = Field(
        default=None,
        ge=MIN_REQUESTS_PER_S,
        le=MAX_REQUESTS_PER_S,
        allow_inf_nan=False,
        description="Calls that it may make in a second, over all API processes.",
    )
    burst: int | None = Field(
        default=None, ge=1, le=MAX_BURST, description="Calls that it may make at once, after a pause."
    )
    max_renders_per_month: int | None = Field(
        default=None,
        ge=0,
        le=MAX_RENDERS,
        description="Jobs that it may have accepted in a calendar month (UTC).",
    )
    egress_allow: _Entries | None = Field(
        default=None,
        description="Networks that its jobs reach besides what everybody's do, as in EGRESS_ALLOW.",
        examples=[["10.1.0.0/16", "192.0.2.7:8443"]],
    )
    egress_deny: _Entries | None = Field(
        default=None,
        description="Networks and hosts that its jobs do not reach, as in EGRESS_DENY.",
        examples=[["198.51.100.0/24", "*.example.net"]],
    )

    @field_validator("egress_allow")
    @classmethod
    def _networks_are_networks(cls, entries: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for entry in entries or ():
            split_network(entry)
        return entries

    @field_validator("egress_deny")
    @classmethod
    def _denials_are_denials(cls, entries: tuple[str, ...] | None) -> tuple[str, ...] | None:
        split_denials(entries or ())
        return entries

    @property
    def changes(self) -> dict[str, Any]:
        """Values by the names of their columns; only what was named."""
        usual: dict[str, Any] = {"weight": _USUAL_WEIGHT, "egress_allow": (), "egress_deny": ()}
        named = {
            name: getattr(self, name) for name in TenantChanges.model_fields if name in self.model_fields_set
        }
        return {name: usual.get(name) if value is None else value for name, value in named.items()}


class TenantRequest(TenantChanges):
    """A tenant to make."""

    name: Name = Field(description="The operator's name for it; there is one of each.", examples=["acme"])


MAX_LIFETIME_S: Final = 3650 * 24 * 3600
USUAL_SCOPES: Final = frozenset({Scope.RENDER, Scope.READ})


class KeyOptions(BaseModel):
    """What API and command both ask of a key to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(default="default", description="The operator's name for it.", examples=["checkout"])
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = Field(
        default=USUAL_SCOPES,
        description="What it may do. `links` signs links and does nothing else; `admin` is the operator's, "
        "for the whole fleet.",
        # A set has no order, and the document is to be the same in every process.
        json_schema_extra={"default": [scope.value for scope in sorted(USUAL_SCOPES)]},
    )


class KeyRequest(KeyOptions):
    """A key to make, as the API is asked for it."""

    tenant_id: UUID = Field(description="Whose it is.")
    expires_in_s: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LIFETIME_S,
        description="Seconds after which it stops working; null: never.",
    )


class KeyArguments(KeyOptions):
    """A key to make, as the command is asked for it."""

    tenant: Name
    expires_in_days: float | None = Field(default=None, gt=0, le=MAX_LIFETIME_S / (24 * 3600))
