"""What an operator may set for a tenant or an API key. API and commands check it with these models."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from fleet.egress.networks import split_denials, split_network
from fleet.input.field_errors import NO_CONTROL_CHARACTERS
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

# The name that an operator gives to a tenant or a key.
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS)]
_Entry = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
_Entries = Annotated[tuple[_Entry, ...], Field(max_length=MAX_ENTRIES)]


class TenantChanges(BaseModel):
    """Changes of a tenant. What is not given stays; null: the setting or the usual value applies again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float | None = Field(
        default=None,
        ge=MIN_WEIGHT,
        le=MAX_WEIGHT,
        allow_inf_nan=False,
        description="Its share of a busy fleet; the usual one is 1.",
    )
    max_queued: int | None = Field(
        default=None, ge=0, le=MAX_COUNT, description="How many queued jobs it may have; more are refused."
    )
    max_running: int | None = Field(
        default=None,
        ge=1,
        le=MAX_COUNT,
        description="How many of its jobs may run at the same time; more wait.",
    )
    max_requests_per_s: float | None = Field(
        default=None,
        ge=MIN_REQUESTS_PER_S,
        le=MAX_REQUESTS_PER_S,
        allow_inf_nan=False,
        description="How many calls it may make in a second, over all API processes.",
    )
    burst: int | None = Field(
        default=None, ge=1, le=MAX_BURST, description="How many calls it may make at once after a pause."
    )
    max_renders_per_month: int | None = Field(
        default=None,
        ge=0,
        le=MAX_RENDERS,
        description="How many jobs may be accepted in a calendar month (UTC).",
    )
    egress_allow: _Entries | None = Field(
        default=None,
        description="Networks that its jobs may reach besides everybody's, written as in EGRESS_ALLOW.",
        examples=[["10.1.0.0/16", "192.0.2.7:8443"]],
    )
    egress_deny: _Entries | None = Field(
        default=None,
        description="Networks and hosts that its jobs may not reach, written as in EGRESS_DENY.",
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
        """The new values by the names of their columns, only of what was given."""
        usual: dict[str, Any] = {"weight": _USUAL_WEIGHT, "egress_allow": (), "egress_deny": ()}
        named = {
            name: getattr(self, name) for name in TenantChanges.model_fields if name in self.model_fields_set
        }
        return {name: usual.get(name) if value is None else value for name, value in named.items()}


class TenantRequest(TenantChanges):
    """A new tenant."""

    name: Name = Field(
        description="The operator's name for it; no two tenants have the same.", examples=["acme"]
    )


MAX_LIFETIME_S: Final = 3650 * 24 * 3600
USUAL_SCOPES: Final = frozenset({Scope.RENDER, Scope.READ})


class KeyOptions(BaseModel):
    """What the API and the command both ask for a new key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(default="default", description="The operator's name for it.", examples=["checkout"])
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = Field(
        default=USUAL_SCOPES,
        description="What it may do. `links` signs links and nothing else; `admin` is for the operator of "
        "the whole fleet.",
        # A set has no order, but the OpenAPI document must be the same in every process.
        json_schema_extra={"default": [scope.value for scope in sorted(USUAL_SCOPES)]},
    )


class KeyRequest(KeyOptions):
    """A new key, as the API is asked for it."""

    tenant_id: UUID = Field(description="The tenant that it belongs to.")
    expires_in_s: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LIFETIME_S,
        description="Seconds after which it stops working; null: never.",
    )


class KeyArguments(KeyOptions):
    """A new key, as the command is asked for it."""

    tenant: Name
    expires_in_days: float | None = Field(default=None, gt=0, le=MAX_LIFETIME_S / (24 * 3600))
