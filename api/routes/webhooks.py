"""Webhooks: the addresses that get a message when a job ends, and their secrets."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Reader, Renderer
from api.http.json_answer import NO_STORE, json_answer
from api.http.path_ids import DELIVERY, WEBHOOK, DeliveryId, WebhookId
from api.http.problems import RefusedError, not_found
from api.openapi.operations.parts import problems
from api.openapi.operations.schedules import CREATE_WEBHOOK
from api.routes.jobs.deliveries import DeliveryDocument, delivery_document
from api.routes.paging import PageParameters
from fleet.errors import ErrorType
from fleet.render.options.source import PermittedUrl
from fleet.tenants.tenant import Tenant
from fleet.webhooks import endpoints, messages, outbox
from fleet.webhooks.endpoints import Endpoint
from fleet.webhooks.outbox import DeliveryError

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


class WebhookRequest(BaseModel):
    """An address to register."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: PermittedUrl = Field(
        description="The address that jobs have in `webhook_url`. Addresses that differ only in query and "
        "fragment are one webhook.",
        examples=["https://example.com/hooks/renders"],
    )


class WebhookSummary(BaseModel):
    """A webhook without its secret."""

    id: UUID = Field(description="The webhook's id.")
    url: str = Field(description="Its address without query and fragment.")
    created_at: datetime = Field(description="When it was registered, or got its first message.")
    disabled_at: datetime | None = Field(
        description="When it answered 410 Gone, or null. Nothing is sent until it is registered again."
    )


class WebhookDetails(WebhookSummary):
    """A webhook with its secrets."""

    secret: str = Field(
        description="Signs the messages; use it to verify them.", examples=["whsec_MfKQ9r8G…"]
    )
    previous_secret_until: datetime | None = Field(
        description="Until when the previous secret signs too; null: there is none."
    )


class WebhookListDocument(BaseModel):
    """A page of webhooks, newest first."""

    webhooks: list[WebhookSummary]
    next_cursor: str | None = Field(description="`cursor` for the next page; null on the last page.")


@router.post(
    "",
    status_code=201,
    response_model=WebhookDetails,
    openapi_extra=CREATE_WEBHOOK,
    **problems(401, 403, 409, 413, 415, 422, 503),
)
async def create_webhook(request: Request, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Register an address and get its secret, before the first job names it.

    For an address that is registered already, the answer is 200 with its current secret; if 410 Gone had
    disabled it, it is enabled again. An address that is not registered gets a secret with its first message;
    `GET /v1/webhooks/{id}` shows it.
    """
    wish = await dependencies.document(request, WebhookRequest, tenant)
    found = await endpoints.register(
        dependencies.database, dependencies.vault, tenant_id=tenant.id, url=wish.url
    )
    if found is None:
        raise RefusedError(
            ErrorType.TOO_MANY_WEBHOOKS, f"you have {endpoints.MAX_ENDPOINTS:,} webhooks; delete one first"
        )
    endpoint, is_new = found
    headers = {**NO_STORE, "Location": f"/v1/webhooks/{endpoint.id}"}
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return json_answer(_details(endpoint), status, headers)


@router.get("", response_model=WebhookListDocument, **problems(401, 403, 422, 503))
async def list_webhooks(
    tenant: Reader, dependencies: OpenDependencies, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """List your webhooks, newest first, without their secrets."""
    found = await endpoints.list_newest(
        dependencies.database,
        dependencies.vault,
        tenant_id=tenant.id,
        before=parameters.before,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda endpoint: endpoint.id)
    summaries = [_summary(endpoint) for endpoint in page.items]
    return json_answer(WebhookListDocument(webhooks=summaries, next_cursor=page.next_cursor))


@router.get("/{webhook_id}", response_model=WebhookDetails, **problems(401, 403, 404, 422, 503))
async def read_webhook(webhook_id: WebhookId, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Read a webhook with its secret. Needs the scope `render`."""
    found = await endpoints.get(
        dependencies.database, dependencies.vault, endpoint_id=webhook_id, tenant_id=tenant.id
    )
    return _secret_answer(found)


@router.post("/{webhook_id}/rotate", response_model=WebhookDetails, **problems(401, 403, 404, 422, 503))
async def rotate_webhook(webhook_id: WebhookId, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Make a new secret. For 24 hours messages are signed with both, so that receivers have time to change.

    A second rotation within that time ends the oldest secret at once.
    """
    return _secret_answer(
        await endpoints.rotate(
            dependencies.database, dependencies.vault, endpoint_id=webhook_id, tenant_id=tenant.id
        )
    )


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    response_model=DeliveryDocument,
    **problems(401, 403, 404, 422, 503),
)
async def test_webhook(webhook_id: WebhookId, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Send a message to try a webhook out. It is signed like any other; its `type` is `webhook.test`.

    Its `data` is an example of a job, the same each time. It is sent once. The answer is the message that
    waits to be sent; `GET /v1/webhooks/{id}/deliveries/{delivery_id}` tells what came of it. A webhook that
    410 Gone had disabled is enabled. The newest 20 tests of a webhook are kept.
    """
    test_id = await outbox.add_test(dependencies.database, endpoint_id=webhook_id, tenant_id=tenant.id)
    if test_id is None:
        raise not_found(WEBHOOK)
    return await _delivery(dependencies, tenant, webhook_id, test_id, HTTPStatus.ACCEPTED)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    response_model=DeliveryDocument,
    **problems(401, 403, 404, 422, 503),
)
async def read_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, tenant: Reader, dependencies: OpenDependencies
) -> Response:
    """Read a message that was sent, or is to be sent, to a webhook, with its attempts."""
    return await _delivery(dependencies, tenant, webhook_id, delivery_id)


async def _delivery(
    dependencies: Dependencies,
    tenant: Tenant,
    webhook_id: UUID,
    message_id: UUID,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    found = await messages.get(
        dependencies.database, message_id=message_id, tenant_id=tenant.id, endpoint_id=webhook_id
    )
    if found is None:
        raise not_found(DELIVERY)
    return json_answer(delivery_document(found), status)


@router.delete("/{webhook_id}", status_code=204, **problems(401, 403, 404, 422, 503))
async def delete_webhook(webhook_id: WebhookId, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Delete a webhook and its secret. Messages that wait for it fail with `endpoint_deleted`.

    A later job with this address makes the webhook again, with another secret.
    """
    is_deleted = await endpoints.delete(
        dependencies.database,
        endpoint_id=webhook_id,
        tenant_id=tenant.id,
        reason=DeliveryError.ENDPOINT_DELETED,
    )
    if not is_deleted:
        raise not_found(WEBHOOK)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _secret_answer(endpoint: Endpoint | None) -> Response:
    if endpoint is None:
        raise not_found(WEBHOOK)
    return json_answer(_details(endpoint), headers=NO_STORE)


def _summary(endpoint: Endpoint) -> WebhookSummary:
    return WebhookSummary(
        id=endpoint.id, url=endpoint.url, created_at=endpoint.created_at, disabled_at=endpoint.disabled_at
    )


def _details(endpoint: Endpoint) -> WebhookDetails:
    return WebhookDetails(
        **_summary(endpoint).model_dump(),
        secret=endpoint.secret,
        previous_secret_until=endpoint.previous_secret_until,
    )
