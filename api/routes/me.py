"""Who a caller is: its tenant and its key, what it may do, and what it has used."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Caller, Dependencies, OpenDependencies
from api.http.json_answer import NO_STORE, json_answer
from api.http.problems import RefusedError
from api.openapi.operations.parts import problems
from fleet.errors import ErrorType
from fleet.jobs.read import count_queued, count_running
from fleet.tenants import api_keys, manage
from fleet.tenants.manage import TenantAccount
from fleet.tenants.tenant import Scope, Tenant

# Counting them reads an index, which takes some milliseconds for so many.
MOST_COUNTED: Final = 100_000

router = APIRouter(prefix="/v1/me", tags=["tenants"])


class OwnTenantDocument(BaseModel):
    """The tenant that an API key belongs to."""

    id: UUID = Field(description="The tenant's id, a UUIDv7.")
    name: str = Field(description="The operator's name for it.")
    weight: float = Field(description="Its share of a busy fleet; the usual one is 1.")


class OwnKeyDocument(BaseModel):
    """The API key of the call, without its secret."""

    id: str = Field(description="The part of the key that is not secret.")
    name: str = Field(description="The operator's name for it.")
    scopes: list[Scope] = Field(description="What it may do.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it stops working; null: never.")


class LimitsDocument(BaseModel):
    """What applies to the tenant, whether it is its own limit or a setting. Null: no limit."""

    max_requests_per_s: float | None = Field(description="How many calls it may make in a second.")
    burst: int | None = Field(description="How many calls it may make at once after a pause.")
    max_queued: int | None = Field(description="How many queued jobs it may have; more are refused.")
    max_running: int | None = Field(description="How many of its jobs may run at the same time; more wait.")
    max_renders_per_month: int | None = Field(description="How many jobs may be accepted in a month (UTC).")


class UseDocument(BaseModel):
    """What of the limits is used at this moment. `RateLimit` in the answer says it of the calls."""

    queued: int = Field(description=f"Queued jobs, counted up to {MOST_COUNTED:,}.")
    running: int = Field(description="Running jobs.")
    renders_this_month: int = Field(description="Jobs that were accepted since the month began (UTC).")


_EXAMPLE: Final[dict[str, Any]] = {
    "tenant": {"id": "0198c1d0-0000-7000-8000-000000000001", "name": "acme", "weight": 1.0},
    "key": {
        "id": "0a1b2c3d4e5f",
        "name": "shop",
        "scopes": ["read", "render"],
        "created_at": "2026-01-31T12:00:00.104211Z",
        "expires_at": None,
    },
    "limits": {
        "max_requests_per_s": 500.0,
        "burst": 1000,
        "max_queued": 100000,
        "max_running": None,
        "max_renders_per_month": 10000,
    },
    "use": {"queued": 12, "running": 4, "renders_this_month": 731},
}


class MeDocument(BaseModel):
    """Who the caller is, what it may do and what it has used."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    tenant: OwnTenantDocument
    key: OwnKeyDocument
    limits: LimitsDocument
    use: UseDocument


@router.get("", response_model=MeDocument, **problems(401, 422, 503))
async def read_me(tenant: Caller, dependencies: OpenDependencies) -> Response:
    """The tenant and the API key of this call, with limits and use. Any working key may ask."""
    account = await manage.get(dependencies.database, tenant.id)
    key = await api_keys.get(dependencies.database, tenant.key_id)
    if account is None or key is None:
        raise RefusedError(ErrorType.UNAUTHORIZED, "the API key is not there any more")
    document = MeDocument(
        tenant=OwnTenantDocument(id=account.id, name=account.name, weight=account.weight),
        key=OwnKeyDocument(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
        ),
        limits=limits_of(dependencies, tenant, account),
        use=UseDocument(
            queued=await count_queued(dependencies.database, tenant_id=tenant.id, limit=MOST_COUNTED),
            running=await count_running(dependencies.database, tenant_id=tenant.id),
            renders_this_month=account.renders_this_month,
        ),
    )
    return json_answer(document, headers=NO_STORE)


def limits_of(dependencies: Dependencies, tenant: Tenant, account: TenantAccount) -> LimitsDocument:
    """The limits that this process applies to the tenant now."""
    rate = dependencies.rates.limit_of(tenant)
    return LimitsDocument(
        max_requests_per_s=None if rate is None else rate.rate_per_s,
        burst=None if rate is None else rate.burst,
        max_queued=dependencies.quotas.max_queued(tenant),
        max_running=account.max_running or dependencies.settings.tenant.max_running,
        max_renders_per_month=dependencies.quotas.max_renders_per_month(tenant),
    )
