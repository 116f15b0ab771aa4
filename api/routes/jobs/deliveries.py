"""Messages to webhooks about a job: list them, and send one again."""

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Reader, Renderer
from api.http.json_answer import json_answer
from api.http.path_ids import DELIVERY, DeliveryId, JobId
from api.http.problems import not_found
from api.openapi.operations.parts import problems
from fleet.tenants.tenant import Tenant
from fleet.webhooks import messages, outbox
from fleet.webhooks.endpoints import endpoint_of
from fleet.webhooks.messages import MessageRecord
from fleet.webhooks.outbox import DeliveryError, MessageState

router = APIRouter(prefix="/v1/jobs", tags=["webhooks"])


class AttemptDocument(BaseModel):
    """One attempt to send a message."""

    attempt: int = Field(description="Its number, from 1. A message that is sent again goes on counting.")
    at: datetime = Field(description="When it began.")
    http_status: int | None = Field(
        description="The status that the receiver answered; null: it did not answer."
    )
    duration_ms: float | None = Field(
        description="How long it took; null while it is running, or if its worker was lost."
    )
    error: DeliveryError | None = Field(description="Why it failed; null if it did not.")


class DeliveryDocument(BaseModel):
    """A message to a webhook."""

    id: UUID = Field(description="The receiver's `webhook-id`, the same in all attempts.")
    url: str = Field(description="The webhook's address without query and fragment.")
    status: MessageState = Field(description="pending, delivered or failed.")
    error: DeliveryError | None = Field(description="Why the last attempt failed; null if it did not.")
    created_at: datetime = Field(description="When the job ended, or the test was asked for.")
    next_attempt_at: datetime | None = Field(
        description="When the next attempt is due, unless the running one succeeds; null when it has ended."
    )
    attempts: list[AttemptDocument] = Field(description="The newest 100 attempts, oldest first.")


class DeliveriesDocument(BaseModel):
    """All messages about a job."""

    deliveries: list[DeliveryDocument]


@router.get("/{job_id}/deliveries", response_model=DeliveriesDocument, **problems(401, 403, 404, 422, 503))
async def list_deliveries(job_id: JobId, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """List the messages about a job. The list is empty before the job ends, and without `webhook_url`."""
    return await _deliveries(dependencies, tenant, job_id)


@router.post(
    "/{job_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=DeliveriesDocument,
    **problems(401, 403, 404, 422, 503),
)
async def redeliver(
    job_id: JobId, delivery_id: DeliveryId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Send a message again now, delivered or failed, with the same `webhook-id` and new attempts.

    If it is being sent at this moment, nothing changes. A webhook that 410 Gone had disabled is enabled.
    """
    is_known = await outbox.redeliver(
        dependencies.database, message_id=delivery_id, job_id=job_id, tenant_id=tenant.id
    )
    if not is_known:
        raise not_found(DELIVERY)
    return await _deliveries(dependencies, tenant, job_id, HTTPStatus.ACCEPTED)


async def _deliveries(
    dependencies: Dependencies, tenant: Tenant, job_id: UUID, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    found = await messages.list_of_job(dependencies.database, job_id=job_id, tenant_id=tenant.id)
    if not found:
        await dependencies.job_of(tenant, job_id)
    return json_answer(
        DeliveriesDocument(deliveries=[delivery_document(message) for message in found]), status
    )


def delivery_document(message: MessageRecord) -> DeliveryDocument:
    """A message as its owner sees it."""
    return DeliveryDocument(
        id=message.id,
        url=endpoint_of(message.url),
        status=message.state,
        error=message.error,
        created_at=message.created_at,
        next_attempt_at=message.next_attempt_at,
        attempts=[
            AttemptDocument(
                attempt=attempt.attempt,
                at=attempt.at,
                http_status=attempt.status,
                duration_ms=None if attempt.duration_ms is None else round(attempt.duration_ms, 1),
                error=attempt.error,
            )
            for attempt in message.attempts
        ],
    )
