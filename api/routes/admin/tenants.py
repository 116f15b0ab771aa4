"""Tenants, for operators: make, list, read, change."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import OpenDependencies, Operator
from api.http.json_answer import json_answer
from api.http.path_ids import TENANT, TenantId
from api.http.problems import RefusedError, not_found, refused_field
from api.openapi.operations.operators import CHANGE_TENANT, CREATE_TENANT
from api.openapi.operations.parts import problems
from api.routes.paging import PageParameters
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.tenants import manage
from fleet.tenants.manage import TenantAccount
from fleet.tenants.requests import TenantChanges, TenantRequest

log = get_logger(__name__)
router = APIRouter(prefix="/v1/admin/tenants", tags=["admin"])


class TenantLinksDocument(BaseModel):
    """Paths on this server."""

    self: str
    keys: str = Field(description="Its API keys.")


class TenantDocument(BaseModel):
    """A tenant. If a limit is null, the setting applies."""

    id: UUID = Field(description="The tenant's id, a UUIDv7.")
    name: str = Field(description="The operator's name for it.")
    created_at: datetime = Field(description="When it was made.")
    weight: float = Field(description="Its share of a busy fleet; the usual one is 1.")
    max_queued: int | None = Field(description="How many queued jobs it may have.")
    max_running: int | None = Field(description="How many of its jobs may run at the same time.")
    max_requests_per_s: float | None = Field(description="How many calls it may make in a second.")
    burst: int | None = Field(description="How many calls it may make at once after a pause.")
    max_renders_per_month: int | None = Field(description="How many jobs may be accepted in a month (UTC).")
    renders_this_month: int = Field(description="How many jobs were accepted since the month began (UTC).")
    egress_allow: list[str] = Field(
        description="Networks that its jobs may reach besides those of everybody."
    )
    egress_deny: list[str] = Field(description="Networks and hosts that its jobs may not reach.")
    links: TenantLinksDocument

    @classmethod
    def of(cls, account: TenantAccount) -> Self:
        """The document of a tenant."""
        return cls(
            id=account.id,
            name=account.name,
            created_at=account.created_at,
            weight=account.weight,
            max_queued=account.max_queued,
            max_running=account.max_running,
            max_requests_per_s=account.max_requests_per_s,
            burst=account.burst,
            max_renders_per_month=account.max_renders_per_month,
            renders_this_month=account.renders_this_month,
            egress_allow=list(account.egress_allow),
            egress_deny=list(account.egress_deny),
            links=TenantLinksDocument(self=_path(account), keys=f"/v1/admin/keys?tenant_id={account.id}"),
        )


class TenantListDocument(BaseModel):
    """A page of tenants, newest first."""

    tenants: list[TenantDocument]
    next_cursor: str | None = Field(description="`cursor` for the next page; null on the last page.")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=TenantDocument,
    openapi_extra=CREATE_TENANT,
    **problems(401, 403, 409, 413, 415, 422, 503),
)
async def create_tenant(request: Request, operator: Operator, dependencies: OpenDependencies) -> Response:
    """Make a tenant, with the limits that are given. Needs the scope `admin`."""
    wanted = await dependencies.document(request, TenantRequest, operator)
    account = await manage.create(dependencies.database, wanted.name, wanted.changes)
    if account is None:
        raise RefusedError(
            ErrorType.TENANT_EXISTS, "there is a tenant with this name already; change it with PATCH"
        )
    log.info("tenant made", tenant_id=str(account.id), by_key_id=operator.key_id)
    return json_answer(TenantDocument.of(account), HTTPStatus.CREATED, {"Location": _path(account)})


@router.get("", response_model=TenantListDocument, **problems(401, 403, 422, 503))
async def list_tenants(
    _operator: Operator, dependencies: OpenDependencies, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """List all tenants, newest first. Needs the scope `admin`."""
    found = await manage.list_newest(
        dependencies.database, before=parameters.before, limit=parameters.limit_to_read
    )
    page = parameters.page_of(found, lambda account: account.id)
    documents = [TenantDocument.of(account) for account in page.items]
    return json_answer(TenantListDocument(tenants=documents, next_cursor=page.next_cursor))


@router.get("/{tenant_id}", response_model=TenantDocument, **problems(401, 403, 404, 422, 503))
async def read_tenant(_operator: Operator, tenant_id: TenantId, dependencies: OpenDependencies) -> Response:
    """Read a tenant, with the number of its renders in this month. Needs the scope `admin`."""
    return _found(await manage.get(dependencies.database, tenant_id))


@router.patch(
    "/{tenant_id}",
    response_model=TenantDocument,
    openapi_extra=CHANGE_TENANT,
    **problems(401, 403, 404, 413, 415, 422, 503),
)
async def change_tenant(
    request: Request, operator: Operator, tenant_id: TenantId, dependencies: OpenDependencies
) -> Response:
    """Change limits and addresses. What is not given stays as it is; null: the setting applies again.

    The API process that answers follows at once, the others within `API_KEY_CACHE_S`. Changed addresses apply
    to jobs that have not begun, too. Needs the scope `admin`.
    """
    wanted = await dependencies.document(request, TenantChanges, operator)
    if not wanted.changes:
        raise refused_field(None, "the body names nothing to change", allowed=", ".join(manage.CHANGEABLE))
    async with dependencies.database.connection() as connection:
        account = await manage.change(connection, tenant_id, wanted.changes)
    dependencies.forget_keys()
    log.info("tenant changed", tenant_id=str(tenant_id), what=list(wanted.changes), by_key_id=operator.key_id)
    return _found(account)


def _found(account: TenantAccount | None) -> Response:
    if account is None:
        raise not_found(TENANT)
    return json_answer(TenantDocument.of(account))


def _path(account: TenantAccount) -> str:
    return f"/v1/admin/tenants/{account.id}"
