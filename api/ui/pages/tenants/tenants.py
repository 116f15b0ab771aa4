"""`/ui/tenants`: all tenants with their use, and making one."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.responses import Response

from api.http.problems import RefusedError
from api.http.request_body import document_of
from api.routes.paging import PageParameters
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.tenants.use import demand_of_tenants, measures_of
from api.ui.viewer import Operating, Viewer
from fleet.errors import ErrorType
from fleet.tenants import manage
from fleet.tenants.requests import TenantRequest
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{ROOT}/tenants", "Tenants", Scope.ADMIN, shortcut="t")
_LIMIT: Final = 50

router = APIRouter()


@router.get(PAGE.path)
async def show_tenants(viewer: Operating, cursor: str = "") -> Response:
    """A page of them, newest first."""
    return await _page(viewer, cursor=cursor)


@router.post(PAGE.path)
async def add_tenant(viewer: Operating) -> Response:
    """Make a tenant with the usual limits, and lead to it."""
    sent = await viewer.form()
    name = sent.text("name")
    try:
        wanted = document_of(to_json({"name": name}), TenantRequest, context={})
        account = await manage.create(viewer.dependencies.database, wanted.name, wanted.changes)
        if account is None:
            raise RefusedError(ErrorType.TENANT_EXISTS, "there is a tenant with this name already")
    except RefusedError as error:
        return await _page(viewer, typed=name, failure=error.detail)
    viewer.audit("tenant made", tenant_id=str(account.id))
    return viewer.back(f"{PAGE.path}/{account.id}", "The tenant is made. Give it a key.")


async def _page(viewer: Viewer, *, cursor: str = "", typed: str = "", failure: str = "") -> Response:
    parameters = PageParameters(limit=_LIMIT, cursor=cursor or None)
    found = await manage.list_newest(
        viewer.dependencies.database, before=parameters.before, limit=parameters.limit_to_read
    )
    page = parameters.page_of(found, lambda account: account.id)
    demand = await demand_of_tenants(viewer.dependencies)
    return viewer.page(
        "pages/tenants/tenants.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if failure else HTTPStatus.OK,
        is_live=not failure,
        tenants=[
            (account, measures_of(viewer.dependencies, account, demand.get(account.id)))
            for account in page.items
        ],
        next_cursor=page.next_cursor,
        typed=typed,
        failure=failure,
    )
