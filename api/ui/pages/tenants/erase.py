"""`/ui/tenants/{id}/erase`: asking that a tenant be erased; `/erasure`: how far that has come."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import TENANT, TenantId
from api.http.problems import RefusedError, not_found
from api.routes.admin.erasure import ask_to_erase
from api.ui.pages.tenants.tenant import PAGE as ONE
from api.ui.pages.tenants.tenant import account_of
from api.ui.pages.tenants.tenants import PAGE as LIST
from api.ui.viewer import Operating, Viewer
from fleet.erasure.request import ErasureStage, read
from fleet.tenants.manage import TenantAccount

_EVERY_S: Final = 2
# In the order in which they come.
_STAGES: Final = {
    ErasureStage.ENDING_JOBS: "Its queued jobs are deleted, its running ones cancelled.",
    ErasureStage.ERASING: "Its rows and files are being erased.",
    ErasureStage.SETTLING: "Nothing is left. For an hour after the request workers look again whether "
    "something comes that was under way.",
    ErasureStage.ERASED: "Nothing is left, and the tenant itself is gone.",
}

router = APIRouter()


@router.get(f"{ONE.path}/erase")
async def ask_before_erasing(viewer: Operating, tenant_id: TenantId) -> Response:
    """The question, and a field for the tenant's name: no slip of the hand erases a tenant."""
    return _question(viewer, await account_of(viewer, tenant_id))


@router.post(f"{ONE.path}/erase")
async def erase_shown_tenant(viewer: Operating, tenant_id: TenantId) -> Response:
    """Erase it, if its name was typed."""
    account = await account_of(viewer, tenant_id)
    typed = (await viewer.form()).text("name")
    if typed != account.name:
        return _question(viewer, account, failure="This is not the name of the tenant. Nothing was done.")
    try:
        await ask_to_erase(viewer.dependencies, viewer.tenant, tenant_id)
    except RefusedError:
        failure = (
            "You are signed in with a key of this tenant. Sign in with one of another tenant to erase it."
        )
        return _question(viewer, account, failure=failure)
    viewer.audit("tenant erased", tenant_id=str(tenant_id))
    return viewer.back(f"{LIST.path}/{tenant_id}/erasure", "Its keys are revoked. Workers erase the rest.")


@router.get(f"{ONE.path}/erasure")
async def show_erasure(viewer: Operating, tenant_id: TenantId) -> Response:
    """How far the erasing has come, also when the tenant is gone."""
    erasure = await read(viewer.dependencies.database, tenant_id)
    if erasure is None:
        raise not_found(TENANT)
    stages = list(_STAGES)
    return viewer.page(
        "pages/tenants/erasure.html",
        is_live=erasure.finished_at is None,
        every_s=_EVERY_S,
        erasure=erasure,
        stages=_STAGES,
        reached=stages.index(erasure.stage),
    )


def _question(viewer: Viewer, account: TenantAccount, *, failure: str = "") -> Response:
    return viewer.page(
        "pages/tenants/erase.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if failure else HTTPStatus.OK,
        account=account,
        failure=failure,
    )
