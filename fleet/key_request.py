"""What an operator may say of an API key that is to be made."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from fleet.tenant_request import Name
from fleet.tenants import Scope

MAX_LIFETIME_S: Final = 3650 * 24 * 3600
USUAL_SCOPES: Final = frozenset({Scope.RENDER, Scope.READ})


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: UUID = Field(description="Whose it is.")
    name: Name = Field(default="default", description="The operator's name for it.", examples=["checkout"])
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = Field(
        default=USUAL_SCOPES,
        description="What it may do. `links` signs links and does nothing else; `admin` is the operator's, "
        "for the whole fleet.",
        # A set has no order, and the document is to be the same in every process.
        json_schema_extra={"default": [scope.value for scope in sorted(USUAL_SCOPES)]},
    )
    expires_in_s: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LIFETIME_S,
        description="Seconds after which it stops working; null: never.",
    )
