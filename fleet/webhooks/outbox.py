"""The outbox of webhook messages, and the attempts to send them. Contains all SQL for both.

The trigger `job_changes_state` puts a message into the outbox, in the transaction that ends the job. A test
message is put there by a call, and is about no job. A sender claims the message for a lease, which counts as
an attempt. If the sender fails, the lease runs out, and another sender sends the message again with the same
id. So each message is delivered at least once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from fleet.database import Database


class MessageState(StrEnum):
    """State of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryError(StrEnum):
    """Why an attempt or a message failed. API documents, logs and metrics use these values."""

    HTTP_STATUS = "http_status"
    REDIRECTED = "redirected"
    GONE = "gone"
    TIMEOUT = "timeout"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_FAILED = "connection_failed"
    TLS_ERROR = "tls_error"
    ANSWER_INVALID = "answer_invalid"
    URL_BLOCKED = "url_blocked"
    ENDPOINT_DISABLED = "endpoint_disabled"
    ENDPOINT_DELETED = "endpoint_deleted"
    TOO_MANY_ENDPOINTS = "too_many_endpoints"
    SENDER_LOST = "sender_lost"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this process has claimed.

    Attributes:
        id: the same for all attempts; the receiver gets it as `webhook-id`.
        job_id: the job that it is about; None: it is a test message.
        attempt: number of this attempt, from 1. Only the newest attempt may record a result (a fence).
        tries: attempts since the message was created or redelivered by its owner.
        egress_allow: what its tenant may reach besides the settings' addresses, written as in `EGRESS_ALLOW`.
        egress_deny: what its tenant may not reach, written as in `EGRESS_DENY`.
    """

    id: UUID
    job_id: UUID | None
    tenant_id: UUID
    url: str
    attempt: int
    tries: int
    egress_allow: Sequence[str]
    egress_deny: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """How many messages a sender may claim.

    Attributes:
        messages: in this call.
        of_endpoint: how many messages to one endpoint all senders together may be sending.
        of_tenant: how many messages of one tenant this sender may be sending.
    """

    messages: int
    of_endpoint: int
    of_tenant: int


# `lanes` are the endpoints with pending messages. Each is found with one index lookup, however many messages
# it has (a loose index scan, wiki.postgresql.org/wiki/Loose_indexscan). So an endpoint that does not answer
# and has thousands of messages does not slow down the others. Tenants take turns: the first message of each
# tenant is sent before the second one of any tenant. Two claims at the same time may together exceed
# `of_endpoint`. The condition compares whole rows, so that only the index on endpoints matches: with plain
# equality the planner read all due messages once for each endpoint (32 s for 1,000 endpoints).
_CLAIM: Final = """
    WITH RECURSIVE lanes AS (
        (SELECT tenant_id, endpoint FROM webhook_outbox
         WHERE state = 'pending'
           AND EXISTS (SELECT FROM webhook_outbox WHERE state = 'pending' AND next_attempt_at <= now())
         ORDER BY tenant_id, endpoint LIMIT 1)
        UNION ALL
        SELECT following.* FROM lanes CROSS JOIN LATERAL (
            SELECT tenant_id, endpoint FROM webhook_outbox
            WHERE state = 'pending' AND (tenant_id, endpoint) > (lanes.tenant_id, lanes.endpoint)
            ORDER BY tenant_id, endpoint LIMIT 1
        ) AS following
    ), due AS (
        SELECT message.id, message.next_attempt_at,
               cardinality(array_positions($2::uuid[], lanes.tenant_id))
               + row_number() OVER (PARTITION BY lanes.tenant_id ORDER BY message.next_attempt_at) AS turn
        FROM lanes CROSS JOIN LATERAL (
            SELECT id, next_attempt_at FROM webhook_outbox
            WHERE state = 'pending'
              AND (tenant_id, endpoint, next_attempt_at) >= (lanes.tenant_id, lanes.endpoint, '-infinity')
              AND (tenant_id, endpoint, next_attempt_at) <= (lanes.tenant_id, lanes.endpoint, now())
            ORDER BY tenant_id, endpoint, next_attempt_at
            LIMIT greatest(0, $4 - (
                SELECT count(*) FROM webhook_outbox
                WHERE sending_until > now() AND tenant_id = lanes.tenant_id AND endpoint = lanes.endpoint))
        ) AS message
    ), free AS (
        SELECT id FROM webhook_outbox
        WHERE id IN (SELECT id FROM due WHERE turn <= $5 ORDER BY turn, next_attempt_at LIMIT $3)
          AND state = 'pending' AND next_attempt_at <= now()
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE webhook_outbox
        SET attempt = attempt + 1, tries = tries + 1, next_attempt_at = now() + $1::interval,
            sending_until = now() + $1::interval
        FROM free WHERE webhook_outbox.id = free.id
        RETURNING webhook_outbox.id, job_id, tenant_id, url, attempt, tries
    ), begun AS (
        INSERT INTO webhook_attempts (message_id, attempt) SELECT id, attempt FROM claimed
    )
    SELECT claimed.*, egress_allow, egress_deny FROM claimed JOIN tenants ON tenants.id = claimed.tenant_id
"""
# The attempt is a fence: a sender that has lost its lease changes nothing. One exception: if it has delivered
# the message, the message is delivered.
_RECORD: Final = """
    WITH noted AS (
        UPDATE webhook_attempts SET status = $3, duration_ms = $4, error = $5
        WHERE message_id = $1 AND attempt = $2
    )
    UPDATE webhook_outbox
    SET state = $6, error = $5, sending_until = NULL,
        next_attempt_at = CASE WHEN $6 = 'pending' THEN now() + $7::interval ELSE next_attempt_at END,
        ended_at = CASE WHEN $6 <> 'pending' THEN now() END
    WHERE id = $1 AND state = 'pending' AND (attempt = $2 OR $6 = 'delivered')
"""
# A message that is being sent now is left as it is.
_REDELIVER: Final = """
    WITH message AS (
        SELECT id, tenant_id, endpoint,
               state = 'pending' AND coalesce(sending_until > now(), false) AS is_sending
        FROM webhook_outbox
        WHERE id = $1 AND job_id IS NOT DISTINCT FROM $2 AND tenant_id = $3 FOR UPDATE
    ), enabled AS (
        UPDATE webhook_endpoints SET disabled_at = NULL FROM message
        WHERE webhook_endpoints.tenant_id = message.tenant_id
          AND webhook_endpoints.endpoint = message.endpoint AND disabled_at IS NOT NULL
    ), again AS (
        UPDATE webhook_outbox
        SET state = 'pending', error = NULL, ended_at = NULL, tries = 0, next_attempt_at = now(),
            sending_until = NULL
        FROM message WHERE webhook_outbox.id = message.id AND NOT is_sending
    )
    SELECT count(*) FROM message
"""
# Other messages are deleted with their job. A test message has none, so the next one deletes the older ones
# of its endpoint.
_ADD_TEST: Final = """
    WITH endpoint AS (
        UPDATE webhook_endpoints SET disabled_at = NULL WHERE id = $1 AND tenant_id = $2
        RETURNING tenant_id, url, endpoint
    ), forgotten AS (
        DELETE FROM webhook_outbox WHERE id IN (
            SELECT id FROM webhook_outbox JOIN endpoint USING (tenant_id, endpoint)
            WHERE job_id IS NULL ORDER BY created_at DESC OFFSET $3)
          AND (sending_until IS NULL OR sending_until < now())
    )
    INSERT INTO webhook_outbox (tenant_id, url) SELECT tenant_id, url FROM endpoint RETURNING id
"""
TESTS_KEPT: Final = 20
_OVERDUE: Final = """
    SELECT extract(epoch FROM now() - min(next_attempt_at)) FROM webhook_outbox
    WHERE state = 'pending' AND next_attempt_at <= now()
"""


async def claim(
    database: Database, *, lease: timedelta, limits: ClaimLimits, under_way: Sequence[UUID] = ()
) -> list[Message]:
    """Claim messages that are due. Other processes cannot claim them until the lease runs out.

    Args:
        database: connections to Postgres.
        lease: how long the claim is valid.
        limits: how many messages may be claimed.
        under_way: the tenants of the messages that this process is already sending, one entry per message.
    """
    rows = await database.fetch(
        _CLAIM, lease, list(under_way), limits.messages, limits.of_endpoint, limits.of_tenant
    )
    return [Message(**{name: row[name] for name in Message.__slots__}) for row in rows]


async def record(
    database: Database,
    message: Message,
    *,
    state: MessageState,
    status: int | None,
    duration_ms: float,
    error: DeliveryError | None,
    delay: timedelta,
) -> None:
    """Write the result of an attempt. For a pending message the next attempt is due `delay` from now.

    Raises:
        UnavailableError: Postgres does not answer. It is safe to repeat.
    """
    await database.execute(_RECORD, message.id, message.attempt, status, duration_ms, error, state, delay)


async def add_test(database: Database, *, endpoint_id: UUID, tenant_id: UUID) -> UUID | None:
    """Put a test for an endpoint into the outbox; the id of the message. None: no such endpoint.

    The endpoint is enabled again if a 410 had disabled it. It keeps its newest `TESTS_KEPT` tests.
    """
    test_id: UUID | None = await database.fetchval(_ADD_TEST, endpoint_id, tenant_id, TESTS_KEPT - 1)
    return test_id


async def redeliver(database: Database, *, message_id: UUID, job_id: UUID | None, tenant_id: UUID) -> bool:
    """Make a message pending again, with all attempts left. False: there is no such message.

    A test (`job_id` is None) gets one attempt. Its endpoint is enabled again if a 410 had disabled it.
    """
    return bool(await database.fetchval(_REDELIVER, message_id, job_id, tenant_id))


async def overdue_s(database: Database) -> float:
    """For how many seconds the oldest due message has been due; 0: no message is due."""
    return float(await database.fetchval(_OVERDUE) or 0)
