"""Sends the webhooks that are due in the outbox. Every worker does it, at intervals or when it is woken.

No message is lost when a sender fails: a sender claims a message for a lease, and when the lease runs out
another sender takes the message.
"""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic_core import Url

from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.egress.policy import AddressPolicy, BlockedAddressError, MalformedAddressError
from fleet.errors import UnavailableError
from fleet.jobs import read
from fleet.jobs.document.webhook import WebhookDocument
from fleet.jobs.files.artifact import signed_artifact
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics.of_worker import WEBHOOKS
from fleet.telemetry.traces import Side, continued, span, traceparent
from fleet.vault import Vault
from fleet.webhooks import endpoints, outbox
from fleet.webhooks.endpoints import Endpoint
from fleet.webhooks.outbox import ClaimLimits, DeliveryError, Message, MessageState
from worker.egress.proxy import Egress
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import ConnectionOutcome
from worker.webhooks.http_post import PostError, ReceiverResponse, post, tls_context
from worker.webhooks.retry_policy import MAX_TRIES, SendResult, decide, error_of_status
from worker.webhooks.signing import sign_message

# How many messages may be sent at once. Each needs a task, a connection and at most 64 KiB. A tenant whose
# receivers are all slow occupies half of a sender at most.
_MAX_MESSAGES: Final = 32
_MAX_OF_TENANT: Final = 16
_MAX_OF_ENDPOINT: Final = 4
# Request and response together, TLS included. The document has a few KB; 64 KiB of a response are read.
_MAX_BYTES: Final = 1024 * 1024
# Seconds between two reads of the outbox. They find messages of other processes and messages to send again.
_POLL_S: Final = 2.0
# The lease ends this long after the attempt's time limit: enough to record the result.
_LEASE_MARGIN: Final = timedelta(seconds=15)
# How long a stopping sender waits for messages that are being sent.
_STOP_TIMEOUT_S: Final = 2.0

# Why the egress proxy made no connection. Every other outcome becomes `connection_failed`.
_ERROR_OF_OUTCOME: Final = {
    ConnectionOutcome.BLOCKED: DeliveryError.URL_BLOCKED,
    ConnectionOutcome.MALFORMED: DeliveryError.URL_BLOCKED,
    ConnectionOutcome.NOT_RESOLVED: DeliveryError.NAME_NOT_RESOLVED,
    ConnectionOutcome.TIMED_OUT: DeliveryError.TIMEOUT,
}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _SendAttempt:
    """An attempt to send a message: its result, how long it took, and the endpoint."""

    result: SendResult
    duration_ms: float
    endpoint: Endpoint | None


class Sender:
    """Sends webhooks in one worker. `run` it, and call `stop` once at the end."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        artifacts: Artifacts,
        egress: Egress,
        policy: AddressPolicy,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float,
        api_url: str = "",
        poll_s: float = _POLL_S,
    ) -> None:
        """Send nothing yet.

        Args:
            database: has the outbox.
            vault: unseals the secrets that sign the messages.
            artifacts: makes the links to artifacts that the messages contain.
            egress: makes the connections.
            policy: the addresses that may be reached; the lists of each tenant are added to it.
            tls: verifies the certificates of receivers; None: as the system does.
            timeout_s: for one attempt, the lookup of the name included.
            api_url: at which receivers reach the API; empty: not known.
            poll_s: seconds between two reads of the outbox; each pause is 50 % to 150 % of it.
        """
        self._database = database
        self._vault = vault
        self._artifacts = artifacts
        self._egress = egress
        self._policy = policy
        self._tls = tls
        self._timeout_s = timeout_s
        self._api_url = api_url
        self._poll_s = poll_s
        self._lease = timedelta(seconds=timeout_s) + _LEASE_MARGIN
        self._is_woken = asyncio.Event()
        self._is_running = False
        self._has_ended = asyncio.Event()
        self._is_stopping = False
        self._message_of_task: dict[asyncio.Task[None], Message] = {}

    def wake(self) -> None:
        """Read the outbox now: this process has added a message, or can send one more."""
        self._is_woken.set()

    async def run(self) -> None:
        """Send messages that are due, until `stop`. Outages of Postgres do not end it."""
        self._is_running = True
        try:
            while not await self._start_due():
                pause_s = self._poll_s * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._is_woken.wait()
        finally:
            self._has_ended.set()

    async def _start_due(self) -> bool:
        """Start to send the messages that are due. Returns True if `stop` was called before."""
        self._is_woken.clear()
        is_last = self._is_stopping
        try:
            await self._claim_due()
        except UnavailableError as error:
            log.warning("cannot read the outbox of webhooks", error=repr(error.__cause__))
        return is_last

    async def stop(self) -> None:
        """Send the messages about this worker's last jobs, and wait for all that are being sent.

        It waits for two seconds at most. Other senders take what is left, once the leases have run out.
        """
        self._is_stopping = True
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                if self._is_running:
                    await self._has_ended.wait()
                while self._message_of_task:
                    await asyncio.wait(self._message_of_task)
        unfinished = list(self._message_of_task)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _claim_due(self) -> None:
        free = _MAX_MESSAGES - len(self._message_of_task)
        if free == 0:
            return  # the next message that ends wakes the sender
        claimed = await outbox.claim(
            self._database,
            lease=self._lease,
            limits=ClaimLimits(messages=free, of_endpoint=_MAX_OF_ENDPOINT, of_tenant=_MAX_OF_TENANT),
            under_way=[message.tenant_id for message in self._message_of_task.values()],
        )
        for message in claimed:
            task = asyncio.create_task(self._deliver(message))
            self._message_of_task[task] = message
            task.add_done_callback(self._after_delivery)

    def _after_delivery(self, task: asyncio.Task[None]) -> None:
        message = self._message_of_task.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an attempt of a webhook is not recorded", message_id=str(message.id), exc_info=error)
        self.wake()

    async def _deliver(self, message: Message) -> None:
        """Make one attempt: send the message, decide its next state, record both."""
        with bind(
            job_id=message.job_id and str(message.job_id),
            message_id=str(message.id),
            webhook_attempt=message.attempt,
        ):
            try:
                attempt = await self._try(message)
            except UnavailableError as error:
                log.warning(
                    "webhook not sent, another attempt follows when its lease runs out",
                    error=repr(error.__cause__),
                )
                return
            decision = decide(
                attempt.result,
                # A test message has no further attempt: the person who tests waits for the result.
                tries=message.tries if message.job_id else MAX_TRIES,
                jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
            )
            await self._record(message, attempt, decision.state, decision.delay)
            outcome = "retried" if decision.state is MessageState.PENDING else decision.state.value
            WEBHOOKS.labels(outcome).inc()
            if attempt.result.error is not None:
                log.warning(
                    "webhook not delivered",
                    tenant_id=str(message.tenant_id),
                    endpoint_id=attempt.endpoint and str(attempt.endpoint.id),
                    error=attempt.result.error,
                    status=attempt.result.status,
                    duration_ms=attempt.duration_ms,
                    outcome=outcome,
                    delay_s=round(decision.delay.total_seconds(), 1),
                )

    async def _try(self, message: Message) -> _SendAttempt:
        started, endpoint = time.monotonic(), None
        try:
            endpoint = await endpoints.find_or_make(
                self._database, self._vault, tenant_id=message.tenant_id, url=message.url
            )
            started = time.monotonic()
            result = await self._send(message, endpoint)
        except UnavailableError:
            raise
        except Exception:
            log.exception("unknown error while sending a webhook")
            result = SendResult(None, DeliveryError.INTERNAL_ERROR)
        return _SendAttempt(result, round((time.monotonic() - started) * 1000, 1), endpoint)

    async def _document(self, message: Message, now: datetime) -> tuple[WebhookDocument, str | None]:
        """What a message says now, and the trace that its job belongs to."""
        if message.job_id is None:
            return WebhookDocument.of_test(now=now), None
        job = await read.get(self._database, job_id=message.job_id, tenant_id=message.tenant_id)
        if job is None:
            raise RuntimeError("the job of a message does not exist")
        address = signed_artifact(self._artifacts, job)
        return WebhookDocument.of(job, address, api_url=self._api_url, now=now), job.traceparent

    async def _send(self, message: Message, endpoint: Endpoint | None) -> SendResult:
        if endpoint is None:
            return SendResult(None, DeliveryError.TOO_MANY_ENDPOINTS)
        if endpoint.disabled_at is not None:
            return SendResult(None, DeliveryError.ENDPOINT_DISABLED)
        now = datetime.now(UTC)
        document, trace = await self._document(message, now)
        with continued(trace), span("webhook", Side.CLIENT, **_known_of(message)) as sent:
            result = await self._post_document(message, endpoint, document, now)
            if result.error is not None:
                sent.fail(result.error.value)
            return result

    async def _post_document(
        self, message: Message, endpoint: Endpoint, document: WebhookDocument, now: datetime
    ) -> SendResult:
        signed = sign_message(message.id, document, secrets=endpoint.secrets, now=now)
        policy = self._policy.for_tenant(message.egress_allow, message.egress_deny)
        try:
            # Checked again: the lists may have changed since the job was accepted.
            url = policy.check_url(message.url)
            async with asyncio.timeout(self._timeout_s):
                response = await self._post(url, signed.body, _traced(signed.headers), policy)
        except (BlockedAddressError, MalformedAddressError):
            return SendResult(None, DeliveryError.URL_BLOCKED)
        except TimeoutError:
            return SendResult(None, DeliveryError.TIMEOUT)
        except PostError as error:
            log.debug("no response to a webhook", error=repr(error.__cause__))
            return SendResult(None, error.error)
        return SendResult(response.status, error_of_status(response.status), response.retry_after_s)

    async def _trust(self, url: str) -> ssl.SSLContext | None:
        """What the certificate of this address is verified by; None: plain http, which has no certificate.

        Not made before it is needed: reading the system's authorities takes a fifth of a worker's start.
        """
        if not url.startswith("https:"):
            return None
        return self._tls or await asyncio.to_thread(tls_context)

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], policy: AddressPolicy
    ) -> ReceiverResponse:
        port = await self._egress.open_port()
        try:
            caps = Caps(max_bytes=_MAX_BYTES, max_connections=1, max_s=self._timeout_s)
            port.admit(Terms(policy, caps=caps))
            tls = await self._trust(url)
            return await post(url, body, headers, proxy_port=port.number, tls=tls)
        except PostError as error:
            target = Url(url)
            verdict = port.verdict(target.host or "", target.port or 0)
            if verdict is None or verdict.outcome is ConnectionOutcome.CONNECTED:
                raise
            raise PostError(
                _ERROR_OF_OUTCOME.get(verdict.outcome, DeliveryError.CONNECTION_FAILED)
            ) from error
        finally:
            await port.close()

    async def _record(
        self, message: Message, attempt: _SendAttempt, state: MessageState, delay: timedelta
    ) -> None:
        """Write the result. Repeat until Postgres answers: otherwise the message would be sent again."""

        async def write() -> None:
            if attempt.result.error is DeliveryError.GONE and attempt.endpoint is not None:
                await endpoints.disable(self._database, attempt.endpoint.id)
            await outbox.record(
                self._database,
                message,
                state=state,
                status=attempt.result.status,
                duration_ms=attempt.duration_ms,
                error=attempt.result.error,
                delay=delay,
            )

        await until_answered(write, failing="cannot record a webhook yet")


def _known_of(message: Message) -> dict[str, str | int]:
    """What the span of a message says of it."""
    return {
        "job_id": str(message.job_id or ""),
        "message_id": str(message.id),
        "message_attempt": message.attempt,
    }


def _traced(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, with the trace of the job: the receiver is the caller whose trace it is."""
    known = traceparent()
    return headers if known is None else {**headers, "traceparent": known}
