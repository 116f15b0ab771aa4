"""Deliveries: what was sent to webhooks about a job, and sending it again."""

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
from api.openapi.operations import problems
from fleet.tenants.tenant import Tenant
from fleet.webhooks import outbox
from fleet.webhooks.endpoints import endpoint_of
from fleet.webhooks.outbox import DeliveryError, MessageRecord, MessageState

router = APIRouter(prefix="/v1/jobs", tags=["webhooks"])


class AttemptDocument(BaseModel):
    """One attempt to deliver."""

    attempt: int = Field(description="From 1; it never begins anew.")
    at: datetime = Field(description="When it began.")
    http_status: int | None = Field(description="What the receiver answered; null: nothing.")
    duration_ms: float | None = Field(description="Null while it is under way, or when its sender was lost.")
    error: DeliveryError | None = Field(description="Why it failed; null for success.")


class DeliveryDocument(BaseModel):
    """A message about a job to a webhook."""

    id: UUID = Field(description="The receiver's `webhook-id`, the same in all attempts.")
    url: str = Field(description="The webhook's address without query and fragment.")
    status: MessageState = Field(description="pending, delivered or failed.")
    error: DeliveryError | None = Field(description="Why the last attempt failed, or all of them.")
    created_at: datetime = Field(description="When the job ended.")
    next_attempt_at: datetime | None = Field(
        description="When it is tried next, unless the attempt under way succeeds; null when it has ended."
    )
    attempts: list[AttemptDocument] = Field(description="The newest 100 attempts, oldest first.")


class DeliveriesDocument(BaseModel):
    """All messages about a job."""

    deliveries: list[DeliveryDocument]


@router.get("/{job_id}/deliveries", response_model=DeliveriesDocument, **problems(401, 403, 404, 422, 503))
async def list_deliveries(job_id: JobId, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """What was sent about a job and how it went; empty before its end and without `webhook_url`."""
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
    """Send a message again now, delivered or failed, with the same `webhook-id` and a new schedule.

    One that is being sent at this moment is left alone. A webhook that 410 Gone had disabled is enabled.
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
    messages = await outbox.list_of_job(dependencies.database, job_id=job_id, tenant_id=tenant.id)
    if not messages:
        await dependencies.job_of(tenant, job_id)
    return json_answer(DeliveriesDocument(deliveries=[_delivery(message) for message in messages]), status)


def _delivery(message: MessageRecord) -> DeliveryDocument:
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
