"""`/ui/tenants/{id}`: one tenant with its use, limits and keys."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.responses import Response

from api.http.json_answer import NO_STORE
from api.http.path_ids import TENANT, KeyId, TenantId
from api.http.problems import RefusedError, not_found
from api.http.request_body import document_of
from api.routes.admin.keys import KeyListParameters, end_key, make_key
from api.ui.dashboard_page import DashboardPage
from api.ui.pages.tenants.limits_form import LimitsForm
from api.ui.pages.tenants.tenants import PAGE as LIST
from api.ui.pages.tenants.use import demand_of_tenants, measures_of
from api.ui.viewer import Operating, SentForm, Viewer
from fleet.tenants import api_keys, manage
from fleet.tenants.manage import TenantAccount
from fleet.tenants.requests import USUAL_SCOPES, KeyRequest, TenantChanges
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{LIST.path}/{{tenant_id}}", "Tenant", Scope.ADMIN, is_in_navigation=False)
_LIMIT: Final = 50
_DAY_S: Final = 24 * 3600

router = APIRouter()


@router.get(PAGE.path)
async def show_tenant(viewer: Operating, tenant_id: TenantId, cursor: str = "") -> Response:
    """The tenant, and a page of its keys, newest first."""
    return await _page(viewer, await account_of(viewer, tenant_id), cursor=cursor)


@router.post(f"{PAGE.path}/limits")
async def change_limits(viewer: Operating, tenant_id: TenantId) -> Response:
    """Change what the tenant may have. What is empty takes the setting again."""
    sent = await viewer.form()
    form = LimitsForm.sent(viewer.request.app, sent.lists())
    try:
        wanted = document_of(form.body, TenantChanges, context={})
    except RefusedError as error:
        return await _page(viewer, await account_of(viewer, tenant_id), form=form.refused(error))
    async with viewer.dependencies.database.connection() as connection:
        account = await manage.change(connection, tenant_id, wanted.changes)
    if account is None:
        raise not_found(TENANT)
    viewer.dependencies.forget_keys()
    viewer.audit("tenant changed", tenant_id=str(tenant_id))
    return viewer.back(f"{LIST.path}/{tenant_id}", "The limits are changed.")


@router.post(f"{PAGE.path}/keys")
async def add_key(viewer: Operating, tenant_id: TenantId) -> Response:
    """Make a key, and show it once."""
    sent = await viewer.form()
    try:
        wanted = document_of(to_json(_wanted_key(tenant_id, sent)), KeyRequest, context={})
        issued = await make_key(viewer.dependencies, wanted, by_key_id=viewer.tenant.key_id)
    except RefusedError as error:
        return await _page(viewer, await account_of(viewer, tenant_id), failure=error.detail)
    viewer.audit("key made", made_key_id=issued.id, scopes=sorted(issued.scopes))
    answer = viewer.page("pages/tenants/key.html", issued=issued)
    answer.headers.update(NO_STORE)
    return answer


@router.post(f"{PAGE.path}/keys/{{key_id}}/revoke")
async def end_key_of_tenant(viewer: Operating, tenant_id: TenantId, key_id: KeyId) -> Response:
    """Revoke a key."""
    path = f"{LIST.path}/{tenant_id}"
    try:
        await end_key(viewer.dependencies, key_id, by_key_id=viewer.tenant.key_id)
    except RefusedError as error:
        return viewer.back(path, f"Not revoked: {error.detail}.", is_failure=True)
    viewer.audit("key revoked", revoked_key_id=key_id)
    return viewer.back(path, "The key is revoked.")


async def account_of(viewer: Viewer, tenant_id: UUID) -> TenantAccount:
    """A tenant.

    Raises:
        RefusedError: there is none.
    """
    account = await manage.get(viewer.dependencies.database, tenant_id)
    if account is None:
        raise not_found(TENANT)
    return account


def _wanted_key(tenant_id: UUID, sent: SentForm) -> dict[str, object]:
    days = sent.text("days")
    lifetime: object = int(days) * _DAY_S if days.isascii() and days.isdecimal() else days
    name = sent.text("name")
    return {
        "tenant_id": tenant_id,
        "scopes": sent.all("scopes"),
        **({"name": name} if name else {}),
        **({"expires_in_s": lifetime} if days else {}),
    }


async def _page(
    viewer: Viewer,
    account: TenantAccount,
    *,
    cursor: str = "",
    form: LimitsForm | None = None,
    failure: str = "",
) -> Response:
    parameters = KeyListParameters(limit=_LIMIT, cursor=cursor or None)
    found = await api_keys.list_newest(
        viewer.dependencies.database,
        tenant_id=account.id,
        after=parameters.after,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda key: key.id)
    demand = await demand_of_tenants(viewer.dependencies)
    is_wrong = bool(failure) or form is not None
    return viewer.page(
        "pages/tenants/tenant.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK,
        account=account,
        measures=measures_of(viewer.dependencies, account, demand.get(account.id)),
        keys=page.items,
        next_cursor=page.next_cursor,
        form=form or LimitsForm.of(viewer.request.app, account),
        is_wrong=form is not None,
        failure=failure,
        scopes=list(Scope),
        usual_scopes=USUAL_SCOPES,
        own_key_id=viewer.tenant.key_id,
    )
