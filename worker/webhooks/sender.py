"""Sends what is due in the outbox, in every worker, each at its own jittered pace and at once when nudged.

Whatever happens to a sender, the message is not lost: it was claimed for a lease, and when that runs out
another sender takes it.
"""

import asyncio
import contextlib
import random
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic_core import Url

from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.egress.policy import AddressPolicy, BlockedAddressError, MalformedAddressError
from fleet.errors import UnavailableError
from fleet.jobs import read
from fleet.jobs.artifact import signed_artifact
from fleet.jobs.job import Job
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics import WEBHOOKS
from fleet.vault import Vault
from fleet.webhooks import endpoints, outbox
from fleet.webhooks.endpoints import Endpoint
from fleet.webhooks.outbox import ClaimLimits, DeliveryError, Message, MessageState
from worker.egress.proxy import Egress
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import ConnectionOutcome
from worker.webhooks.http_post import Answer, PostError, post
from worker.webhooks.retry_policy import Result, decide, judge
from worker.webhooks.signing import SignedMessage, sign_message

# A message under way takes a task, a connection and at most 64 KiB. A tenant whose receivers are all slow
# keeps half of a sender at most, and a receiver is never asked by more than four at once.
_MESSAGES: Final = 32
_OF_TENANT: Final = 16
_OF_ENDPOINT: Final = 4
# Both ways, TLS included: the document has a few KB, and an answer is read no further than 64 KiB.
_MAX_BYTES: Final = 1024 * 1024
# Seconds between two looks at the outbox, for what other processes put there and for what is tried again.
_POLL_S: Final = 2.0
# From the end of an attempt's time to that of its lease: enough to record how it went.
_MARGIN: Final = timedelta(seconds=15)
# What a stopping sender still gives to those under way.
_GOODBYE_S: Final = 2.0

# Why the egress proxy made no connection; whatever is not named here is a connection that failed.
_REFUSALS: Final = {
    ConnectionOutcome.BLOCKED: DeliveryError.URL_BLOCKED,
    ConnectionOutcome.MALFORMED: DeliveryError.URL_BLOCKED,
    ConnectionOutcome.NOT_RESOLVED: DeliveryError.NAME_NOT_RESOLVED,
    ConnectionOutcome.TIMED_OUT: DeliveryError.TIMEOUT,
}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How an attempt went and how long it took."""

    result: Result
    duration_ms: float
    endpoint: Endpoint | None


class Sender:
    """One worker's share of the sending: `run` it, and `stop` it once at the end."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        artifacts: Artifacts,
        egress: Egress,
        policy: AddressPolicy,
        *,
        tls: ssl.SSLContext,
        timeout_s: float,
        poll_s: float = _POLL_S,
    ) -> None:
        """Send nothing yet.

        Args:
            database: where the outbox is.
            vault: opens the secrets that sign.
            artifacts: makes the addresses at which receivers fetch what was rendered.
            egress: makes the connections.
            policy: says where they may go, beside what is said of each tenant.
            tls: verifies receivers.
            timeout_s: for all of one attempt, the look-up of the name included.
            poll_s: between two looks, give or take a half.
        """
        self._database = database
        self._vault = vault
        self._artifacts = artifacts
        self._egress = egress
        self._policy = policy
        self._tls = tls
        self._timeout_s = timeout_s
        self._poll_s = poll_s
        self._lease = timedelta(seconds=timeout_s) + _MARGIN
        self._nudged = asyncio.Event()
        self._is_running = False
        self._has_ended = asyncio.Event()
        self._is_stopping = False
        self._under_way: dict[asyncio.Task[None], Message] = {}

    def wake(self) -> None:
        """Look at the outbox now: this process has put something into it, or has a hand free."""
        self._nudged.set()

    async def run(self) -> None:
        """Send what is due, until `stop`. Postgres may be away for as long as it likes."""
        self._is_running = True
        try:
            while not await self._look():
                pause_s = self._poll_s * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._nudged.wait()
        finally:
            self._has_ended.set()

    async def _look(self) -> bool:
        """Send what is due now. Whether that was the last look."""
        self._nudged.clear()
        is_last = self._is_stopping
        try:
            await self._send_due()
        except UnavailableError as error:
            log.warning("cannot look for webhooks", error=repr(error.__cause__))
        return is_last

    async def stop(self) -> None:
        """Look once more, for what the last jobs of this worker have left, and let what is under way end.

        Both for a moment; of messages that take longer the leases will run out.
        """
        self._is_stopping = True
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                if self._is_running:
                    await self._has_ended.wait()
                while self._under_way:
                    await asyncio.wait(self._under_way)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _send_due(self) -> None:
        room = _MESSAGES - len(self._under_way)
        if room == 0:
            return  # the end of one will nudge
        claimed = await outbox.claim(
            self._database,
            lease=self._lease,
            limits=ClaimLimits(messages=room, of_endpoint=_OF_ENDPOINT, of_tenant=_OF_TENANT),
            under_way=[message.tenant_id for message in self._under_way.values()],
        )
        for message in claimed:
            task = asyncio.create_task(self._deliver(message))
            self._under_way[task] = message
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        message = self._under_way.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a webhook's attempt is not recorded", message_id=str(message.id), exc_info=error)
        self.wake()

    async def _deliver(self, message: Message) -> None:
        """One attempt: send, decide, record."""
        with bind(job_id=str(message.job_id), message_id=str(message.id), webhook_attempt=message.attempt):
            try:
                attempt = await self._try(message)
            except UnavailableError as error:
                log.warning("webhook not sent, its lease will run out", error=repr(error.__cause__))
                return
            decision = decide(
                attempt.result,
                tries=message.tries,
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

    async def _try(self, message: Message) -> _Attempt:
        started, endpoint = time.monotonic(), None
        try:
            job = await read.get(self._database, job_id=message.job_id, tenant_id=message.tenant_id)
            endpoint = await endpoints.find_or_make(
                self._database, self._vault, tenant_id=message.tenant_id, url=message.url
            )
            started = time.monotonic()
            result = await self._send(message, job, endpoint)
        except UnavailableError:
            raise
        except Exception:
            log.exception("unknown error while sending a webhook")
            result = Result(None, DeliveryError.INTERNAL_ERROR)
        return _Attempt(result, round((time.monotonic() - started) * 1000, 1), endpoint)

    async def _send(self, message: Message, job: Job | None, endpoint: Endpoint | None) -> Result:
        if endpoint is None:
            return Result(None, DeliveryError.TOO_MANY_ENDPOINTS)
        if endpoint.disabled_at is not None:
            return Result(None, DeliveryError.ENDPOINT_DISABLED)
        if job is None:
            raise RuntimeError("a message outlived its job")
        signed = sign_message(
            message.id,
            job,
            signed_artifact(self._artifacts, job),
            secrets=endpoint.secrets,
            now=datetime.now(UTC),
        )
        policy = self._policy.for_tenant(message.egress_allow, message.egress_deny)
        try:
            # Judged again, whatever was checked when it was accepted: the lists may have changed since.
            url = policy.check_url(message.url)
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(url, signed, policy)
        except (BlockedAddressError, MalformedAddressError):
            return Result(None, DeliveryError.URL_BLOCKED)
        except TimeoutError:
            return Result(None, DeliveryError.TIMEOUT)
        except PostError as error:
            log.debug("no answer to a webhook", error=repr(error.__cause__))
            return Result(None, error.error)
        return Result(answer.status, judge(answer.status), answer.retry_after_s)

    async def _post(self, url: str, signed: SignedMessage, policy: AddressPolicy) -> Answer:
        port = await self._egress.open_port()
        try:
            caps = Caps(max_bytes=_MAX_BYTES, max_connections=1, max_s=self._timeout_s)
            port.admit(Terms(policy, caps=caps))
            return await post(url, signed.body, signed.headers, proxy_port=port.number, tls=self._tls)
        except PostError as error:
            target = Url(url)
            verdict = port.verdict(target.host or "", target.port or 0)
            if verdict is None or verdict.outcome is ConnectionOutcome.CONNECTED:
                raise
            raise PostError(_REFUSALS.get(verdict.outcome, DeliveryError.CONNECTION_FAILED)) from error
        finally:
            await port.close()

    async def _record(
        self, message: Message, attempt: _Attempt, state: MessageState, delay: timedelta
    ) -> None:
        """Write how it went, through an outage of Postgres: forgetting it would send the message again."""

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
