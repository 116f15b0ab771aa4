"""Erasing a tenant with all its data, for operators."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Operator
from api.http.json_answer import json_answer
from api.http.path_ids import TENANT, TenantId
from api.http.problems import RefusedError, not_found
from api.openapi.operations.operators import ERASE_TENANT
from api.openapi.operations.parts import problems
from fleet.erasure import request
from fleet.erasure.request import Erasure, ErasureStage
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

log = get_logger(__name__)
router = APIRouter(prefix="/v1/admin/tenants", tags=["admin"])

_EXAMPLE: Final[dict[str, Any]] = {
    "tenant_id": "0198c1d0-0000-7000-8000-000000000001",
    "stage": "settling",
    "requested_at": "2026-01-31T12:00:00.104211Z",
    "finished_at": None,
    "erased": {"schedules": 2, "jobs": 7310, "webhooks": 1, "minutes": 4020, "files": 7312},
}


class ErasureDocument(BaseModel):
    """How far the erasing of a tenant has come."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    tenant_id: UUID = Field(description="The tenant.")
    stage: ErasureStage = Field(
        description="ending_jobs: queued jobs are deleted, running ones cancelled; erasing: rows and files "
        "are; settling: nothing is left, and it is looked again for an hour after the request whether "
        "something comes that was under way; erased: the tenant itself is gone, too."
    )
    requested_at: datetime = Field(description="When an operator asked for it first.")
    finished_at: datetime | None = Field(description="When the tenant was gone; null: it goes on.")
    erased: dict[str, int] = Field(
        description="What was erased so far: `schedules`, `jobs` (with attempts, messages and comparisons), "
        "`uploads`, `webhooks`, `tests` (messages to try webhooks out), `batches`, "
        "`minutes` and `hours` (of the history), `files` (in S3), `keys`."
    )

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        """The document of an erasure."""
        return cls(
            tenant_id=erasure.tenant_id,
            stage=erasure.stage,
            requested_at=erasure.requested_at,
            finished_at=erasure.finished_at,
            erased=dict(erasure.counts),
        )


@router.delete(
    "/{tenant_id}",
    response_model=ErasureDocument,
    openapi_extra=ERASE_TENANT,
    **problems(401, 403, 404, 422, 503),
)
async def erase_tenant(operator: Operator, tenant_id: TenantId, dependencies: OpenDependencies) -> Response:
    """Erase a tenant with everything that it has. This cannot be undone.

    When it answers, its keys are revoked, and its name is free. Workers do the rest, and go on wherever they
    were stopped. Repeat the call, or read `…/erasure`, to see how far they are. A tenant cannot erase itself:
    the key of the call must belong to another one. Needs the scope `admin`.
    """
    await ask_to_erase(dependencies, operator, tenant_id)
    return await _answer(dependencies, tenant_id)


async def ask_to_erase(dependencies: Dependencies, operator: Tenant, tenant_id: UUID) -> None:
    """Ask that a tenant be erased, and end what its keys hold open. It can be repeated.

    Raises:
        RefusedError: it is the operator's own.
        UnavailableError: Postgres does not answer.
    """
    if tenant_id == operator.id:
        raise RefusedError(
            ErrorType.FORBIDDEN, "the key of this call belongs to this tenant; use a key of another tenant"
        )
    key_ids = await request.request(dependencies.database, tenant_id)
    if key_ids is not None:
        dependencies.forget_keys()
        for key_id in key_ids:
            dependencies.waiters.shut_out(key_id)
        log.warning("a tenant is to be erased", tenant_id=str(tenant_id), by_key_id=operator.key_id)


@router.get(
    "/{tenant_id}/erasure",
    response_model=ErasureDocument,
    openapi_extra=ERASE_TENANT,
    **problems(401, 403, 404, 422, 503),
)
async def read_erasure(_operator: Operator, tenant_id: TenantId, dependencies: OpenDependencies) -> Response:
    """Read how far the erasing of a tenant has come, also when it is gone. Needs the scope `admin`."""
    return await _answer(dependencies, tenant_id)


async def _answer(dependencies: Dependencies, tenant_id: UUID) -> Response:
    erasure = await request.read(dependencies.database, tenant_id)
    if erasure is None:
        raise not_found(TENANT)
    status = HTTPStatus.ACCEPTED if erasure.finished_at is None else HTTPStatus.OK
    return json_answer(ErasureDocument.of(erasure), status)
