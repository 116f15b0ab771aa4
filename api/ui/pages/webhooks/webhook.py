"""`/ui/webhooks/{id}`: one webhook with its messages; its secret; a message with what is sent."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import WEBHOOK, DeliveryId, WebhookId
from api.http.problems import not_found
from api.routes.paging import unusable_cursor
from api.ui.dashboard_page import DashboardPage
from api.ui.pages.webhooks.webhooks import PAGE as LIST
from api.ui.pages.webhooks.webhooks import secret_page
from api.ui.viewer import Reading, Rendering, Viewer
from fleet import VERSION
from fleet.jobs.document.webhook import WebhookDocument
from fleet.tenants.tenant import Scope
from fleet.webhooks import endpoints, messages, outbox
from fleet.webhooks.endpoints import Endpoint, endpoint_of
from fleet.webhooks.messages import MessageLine, MessagePlace, MessageRecord
from fleet.webhooks.outbox import DeliveryError, MessageState

PAGE: Final = DashboardPage(f"{LIST.path}/{{webhook_id}}", "Webhook", Scope.READ, is_in_navigation=False)
MESSAGE: Final = DashboardPage(
    f"{PAGE.path}/messages/{{delivery_id}}", "Message", Scope.READ, is_in_navigation=False
)
_LIMIT: Final = 50

router = APIRouter()


@router.get(PAGE.path)
async def show_webhook(viewer: Reading, webhook_id: WebhookId, state: str = "", cursor: str = "") -> Response:
    """The webhook, and a page of its messages, newest first."""
    endpoint = await _endpoint(viewer, webhook_id)
    wanted = MessageState(state) if state in set(MessageState) else None
    found = await messages.list_of_endpoint(
        viewer.dependencies.database,
        tenant_id=viewer.tenant.id,
        url=endpoint.url,
        state=wanted,
        after=_place(cursor),
        limit=_LIMIT + 1,
    )
    rates = await messages.delivery_rates(
        viewer.dependencies.database, tenant_id=viewer.tenant.id, urls=[endpoint.url]
    )
    path = f"{LIST.path}/{webhook_id}"
    return viewer.page(
        "pages/webhooks/webhook.html",
        is_live=not cursor,
        endpoint=endpoint,
        rate=rates[endpoint.url],
        rate_of=messages.RATE_OF,
        states=list(MessageState),
        state=wanted,
        lines=found[:_LIMIT],
        following=f"{path}?{_query(found[_LIMIT - 1], wanted)}" if len(found) > _LIMIT else None,
    )


@router.post(f"{PAGE.path}/secret")
async def reveal_secret(viewer: Rendering, webhook_id: WebhookId) -> Response:
    """Show the secret."""
    endpoint = await _endpoint(viewer, webhook_id)
    viewer.audit("webhook secret shown", webhook_id=str(webhook_id))
    return secret_page(viewer, endpoint, "")


@router.post(f"{PAGE.path}/rotate")
async def rotate_secret(viewer: Rendering, webhook_id: WebhookId) -> Response:
    """Make a new secret, and show it."""
    dependencies = viewer.dependencies
    endpoint = await endpoints.rotate(
        dependencies.database, dependencies.vault, endpoint_id=webhook_id, tenant_id=viewer.tenant.id
    )
    if endpoint is None:
        raise not_found(WEBHOOK)
    viewer.audit("webhook secret rotated", webhook_id=str(webhook_id))
    return secret_page(viewer, endpoint, "This secret is new.")


@router.post(f"{PAGE.path}/test")
async def send_test(viewer: Rendering, webhook_id: WebhookId) -> Response:
    """Send a message to try it out, and show that."""
    test_id = await outbox.add_test(
        viewer.dependencies.database, endpoint_id=webhook_id, tenant_id=viewer.tenant.id
    )
    if test_id is None:
        raise not_found(WEBHOOK)
    viewer.audit("webhook tested", webhook_id=str(webhook_id))
    return viewer.back(f"{LIST.path}/{webhook_id}/messages/{test_id}", "The test is sent.")


@router.post(f"{PAGE.path}/delete")
async def remove_webhook(viewer: Rendering, webhook_id: WebhookId) -> Response:
    """Delete the webhook and its secret."""
    is_deleted = await endpoints.delete(
        viewer.dependencies.database,
        endpoint_id=webhook_id,
        tenant_id=viewer.tenant.id,
        reason=DeliveryError.ENDPOINT_DELETED,
    )
    if not is_deleted:
        raise not_found(WEBHOOK)
    viewer.audit("webhook deleted", webhook_id=str(webhook_id))
    return viewer.back(LIST.path, "The webhook is deleted.")


@router.get(MESSAGE.path)
async def show_message(viewer: Reading, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    """A message: its attempts, and what is sent."""
    endpoint = await _endpoint(viewer, webhook_id)
    message = await _message(viewer, webhook_id, delivery_id)
    body = await _body(viewer, message)
    return viewer.page(
        "pages/webhooks/message.html",
        is_live=True,
        endpoint=endpoint,
        message=message,
        url=endpoint_of(message.url),
        headers=_headers(message),
        body=body,
    )


@router.post(f"{MESSAGE.path}/redeliver")
async def send_again(viewer: Rendering, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    """Send the message again now."""
    message = await _message(viewer, webhook_id, delivery_id)
    await outbox.redeliver(
        viewer.dependencies.database,
        message_id=delivery_id,
        job_id=message.job_id,
        tenant_id=viewer.tenant.id,
    )
    viewer.audit("message sent again", delivery_id=str(delivery_id))
    return viewer.back(f"{LIST.path}/{webhook_id}/messages/{delivery_id}", "The message is sent again.")


async def _endpoint(viewer: Viewer, webhook_id: UUID) -> Endpoint:
    dependencies = viewer.dependencies
    endpoint = await endpoints.get(
        dependencies.database, dependencies.vault, endpoint_id=webhook_id, tenant_id=viewer.tenant.id
    )
    if endpoint is None:
        raise not_found(WEBHOOK)
    return endpoint


async def _message(viewer: Viewer, webhook_id: UUID, delivery_id: UUID) -> MessageRecord:
    message = await messages.get(
        viewer.dependencies.database,
        message_id=delivery_id,
        tenant_id=viewer.tenant.id,
        endpoint_id=webhook_id,
    )
    if message is None:
        raise not_found("message")
    return message


async def _body(viewer: Viewer, message: MessageRecord) -> str:
    """What an attempt would send now. It is made of the job anew each time, so that its addresses work."""
    now = datetime.now(UTC)
    if message.job_id is None:
        return WebhookDocument.of_test(now=now).model_dump_json(indent=2)
    job = await viewer.dependencies.job_of(viewer.tenant, message.job_id)
    document = WebhookDocument.of(
        job, viewer.dependencies.sign(job), api_url=str(viewer.request.base_url), now=now
    )
    return document.model_dump_json(indent=2)


def _headers(message: MessageRecord) -> dict[str, str]:
    """The header fields of the last attempt; the signature is made for the moment and kept nowhere."""
    at = message.attempts[-1].at if message.attempts else message.created_at
    return {
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": "v1,… (made for each attempt)",
        "content-type": "application/json",
        "user-agent": f"renderfleet/{VERSION}",
    }


def _place(cursor: str) -> MessagePlace | None:
    """The place that a cursor names.

    Raises:
        RefusedError: no list gives such a cursor.
    """
    if not cursor:
        return None
    moment, _, message_id = cursor.partition("_")
    try:
        return MessagePlace(datetime.fromtimestamp(int(moment) / 1_000_000, UTC), UUID(message_id))
    except (ValueError, OverflowError, OSError):
        raise unusable_cursor() from None


def _query(last: MessageLine, state: MessageState | None) -> str:
    seconds = int(last.created_at.timestamp())
    cursor = f"{seconds * 1_000_000 + last.created_at.microsecond}_{last.id}"
    return urlencode({"cursor": cursor, **({} if state is None else {"state": state.value})})
