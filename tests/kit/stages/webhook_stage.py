"""Senders of webhooks without the rest of a worker, and jobs that have ended, for tests of webhooks."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from standardwebhooks import Webhook

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.create import accept
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.webhooks import endpoints, messages, outbox
from fleet.webhooks.endpoints import Endpoint
from fleet.webhooks.messages import MessageRecord
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.servers.receiver import Received
from tests.kit.stages.stage import LOOPBACK
from worker.egress.outbound.resolver import Resolver, SystemResolver
from worker.egress.proxy import Egress
from worker.settings import EgressProxySettings
from worker.webhooks.sender import Sender

OUTCOMES = {
    State.SUCCEEDED: AttemptOutcome(
        State.SUCCEEDED,
        artifact_key="tenant/picture.png",
        artifact=PICTURE,
    ),
    State.FAILED: AttemptOutcome(
        State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="expired certificate"
    ),
    State.CANCELLED: AttemptOutcome(State.CANCELLED),
    State.EXPIRED: AttemptOutcome(State.EXPIRED),
}


@dataclass(frozen=True)
class WebhookStage:
    """Makes senders and ended jobs, on real engines, and waits for what happens to messages."""

    database: Database
    artifacts: Artifacts
    tenant_id: UUID

    @asynccontextmanager
    async def sender(
        self,
        *,
        policy: AddressPolicy = LOOPBACK,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = 10.0,
        api_url: str = "",
        poll_s: float = 0.05,
    ) -> AsyncIterator[Sender]:
        """A running sender."""
        egress = Egress(resolver or SystemResolver(timeout_s=5), EgressProxySettings())
        await egress.start()
        made = Sender(
            self.database,
            VAULT,
            self.artifacts,
            egress,
            policy,
            tls=tls,
            timeout_s=timeout_s,
            api_url=api_url,
            poll_s=poll_s,
        )
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            await made.stop()
            await running
            await egress.stop()

    async def accepted(self, url: str, tenant_id: UUID | None = None) -> Job:
        """A queued job."""
        request = RenderRequest.model_validate(
            {"html": "<p>x</p>", "webhook_url": url}, context={"egress": LOOPBACK}
        )
        tenant_id = tenant_id or self.tenant_id
        return (await accept.accept(self.database, VAULT, tenant_id=tenant_id, request=request)).job

    async def ended(self, url: str, state: State = State.SUCCEEDED, tenant_id: UUID | None = None) -> Job:
        """A job that has ended, so its message is in the outbox."""
        job = await self.accepted(url, tenant_id)
        attempt = await claim.claim(
            self.database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=timedelta(seconds=60)
        )
        assert attempt is not None
        assert await attempts.finish(self.database, attempt, OUTCOMES[state])
        return job

    async def message(self, job: Job) -> MessageRecord:
        """The job's only message."""
        [message] = await messages.list_of_job(self.database, job_id=job.id, tenant_id=job.tenant_id)
        return message

    async def until(self, job: Job, condition: Callable[[MessageRecord], bool]) -> MessageRecord:
        """Wait until the job's message meets a condition."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.message(job)
                if condition(message):
                    return message
                await asyncio.sleep(0.02)  # a changed row causes no event

    async def attempted(self, job: Job, *, attempt: int = 1) -> MessageRecord:
        """Wait for the end of an attempt."""
        return await self.until(
            job,
            lambda message: (
                len(message.attempts) >= attempt and message.attempts[attempt - 1].duration_ms is not None
            ),
        )

    async def finished(self, job: Job) -> MessageRecord:
        """Wait until the message is delivered or has failed for good."""
        return await self.until(job, lambda message: message.state is not MessageState.PENDING)

    async def make_all_due(self) -> None:
        """Make all pending messages due, and end the leases of all senders."""
        await self.database.execute(
            "UPDATE webhook_outbox SET next_attempt_at = now(), sending_until = NULL WHERE state = 'pending'"
        )

    async def endpoint(self, url: str) -> Endpoint:
        """The endpoint of an address."""
        found = await endpoints.find_or_make(self.database, VAULT, tenant_id=self.tenant_id, url=url)
        assert found is not None
        return found

    async def verified(self, received: Received, url: str) -> Any:
        """Check the signature with the reference library, as a receiver does. Returns the document."""
        endpoint = await self.endpoint(url)
        return Webhook(endpoint.secret).verify(received.body, received.headers)


def errors(message: MessageRecord) -> list[DeliveryError | None]:
    return [attempt.error for attempt in message.attempts]


async def seconds_to_next_attempt(hooks: WebhookStage) -> float:
    """Seconds until the next attempt."""
    sql = "SELECT extract(epoch FROM next_attempt_at - now()) FROM webhook_outbox WHERE state = 'pending'"
    return float(await hooks.database.fetchval(sql))


async def redelivered(hooks: WebhookStage, job: Job, message: MessageRecord) -> bool:
    return await outbox.redeliver(
        hooks.database, message_id=message.id, job_id=job.id, tenant_id=job.tenant_id
    )
