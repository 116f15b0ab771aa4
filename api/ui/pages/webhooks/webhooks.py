"""`/ui/webhooks`: the tenant's webhooks, with how well they receive; registering one."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.responses import Response

from api.http.json_answer import NO_STORE
from api.http.problems import RefusedError
from api.http.request_body import document_of
from api.routes.paging import PageParameters
from api.routes.webhooks import WebhookRequest
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.viewer import Reading, Rendering, Viewer
from fleet.errors import ErrorType
from fleet.tenants.tenant import Scope
from fleet.webhooks import endpoints
from fleet.webhooks.endpoints import MAX_ENDPOINTS, Endpoint
from fleet.webhooks.messages import RATE_OF, delivery_rates

PAGE: Final = DashboardPage(f"{ROOT}/webhooks", "Webhooks", Scope.READ, shortcut="w")
_LIMIT: Final = 50

router = APIRouter()


@router.get(PAGE.path)
async def show_webhooks(viewer: Reading, cursor: str = "") -> Response:
    """A page of them, newest first."""
    return await _page(viewer, cursor=cursor)


@router.post(PAGE.path)
async def register_webhook(viewer: Rendering) -> Response:
    """Register an address, and show its secret."""
    sent = await viewer.form()
    address = sent.text("url")
    dependencies, tenant = viewer.dependencies, viewer.tenant
    try:
        wish = document_of(
            to_json({"url": address}), WebhookRequest, context=dependencies.validation_for(tenant)
        )
        found = await endpoints.register(
            dependencies.database, dependencies.vault, tenant_id=tenant.id, url=wish.url
        )
        if found is None:
            raise RefusedError(
                ErrorType.TOO_MANY_WEBHOOKS, f"you have {MAX_ENDPOINTS:,} webhooks; delete one first"
            )
    except RefusedError as error:
        return await _page(viewer, address=address, failure=error.detail)
    endpoint, is_new = found
    viewer.audit("webhook registered", webhook_id=str(endpoint.id))
    return secret_page(viewer, endpoint, "Registered." if is_new else "It was registered before.")


def secret_page(viewer: Viewer, endpoint: Endpoint, said: str) -> Response:
    """The secret of a webhook. It is the answer to a form: no address shows it again."""
    answer = viewer.page("pages/webhooks/secret.html", endpoint=endpoint, words=said)
    answer.headers.update(NO_STORE)
    return answer


async def _page(viewer: Viewer, *, cursor: str = "", address: str = "", failure: str = "") -> Response:
    dependencies, tenant = viewer.dependencies, viewer.tenant
    parameters = PageParameters(limit=_LIMIT, cursor=cursor or None)
    found = await endpoints.list_newest(
        dependencies.database,
        dependencies.vault,
        tenant_id=tenant.id,
        before=parameters.before,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda endpoint: endpoint.id)
    urls = [endpoint.url for endpoint in page.items]
    rates = await delivery_rates(dependencies.database, tenant_id=tenant.id, urls=urls)
    return viewer.page(
        "pages/webhooks/webhooks.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if failure else HTTPStatus.OK,
        is_live=not failure,
        endpoints=page.items,
        rates=rates,
        rate_of=RATE_OF,
        next_cursor=page.next_cursor,
        typed=address,
        failure=failure,
    )
