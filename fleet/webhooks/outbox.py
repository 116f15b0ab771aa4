"""Messages to webhooks: what waits in the outbox, who sends it, how each attempt went. All SQL of it.

The trigger `job_changes_state` puts a message into the outbox in the transaction that ends its job. A sender
claims it, which counts the attempt and holds it for a lease; a sender that dies lets the lease run out, and
another one sends the message again, under the same id. So it arrives at least once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database


class MessageState(StrEnum):
    """Where a message is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryError(StrEnum):
    """Why an attempt, or a message, failed: a bounded list, for documents, logs and metrics alike."""

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
    """A message that this process is to send now.

    Attributes:
        id: stable over all attempts; the receiver's `webhook-id`.
        attempt: of all its attempts, from 1; fences what is recorded.
        tries: attempts since its schedule began (anew, when it was redelivered by hand).
        egress_allow: what its tenant reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what its tenant does not reach, as `EGRESS_DENY` is written.
    """

    id: UUID
    job_id: UUID
    tenant_id: UUID
    url: str
    attempt: int
    tries: int
    egress_allow: Sequence[str]
    egress_deny: Sequence[str]


@dataclass(frozen=True, slots=True)
class MessageAttempt:
    """One attempt, as its owner sees it.

    Attributes:
        status: what the receiver answered; None: nothing.
        duration_ms: None while it is under way, or when its sender was lost.
        error: None for one that succeeded or is under way.
    """

    attempt: int
    at: datetime
    status: int | None
    duration_ms: float | None
    error: DeliveryError | None


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message with its newest attempts, oldest first."""

    id: UUID
    url: str
    state: MessageState
    error: DeliveryError | None
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: Sequence[MessageAttempt]


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """How much a sender may take at once.

    Attributes:
        messages: by this claim.
        of_endpoint: that all senders together may have under way to one endpoint.
        of_tenant: of one tenant that this sender may have under way.
    """

    messages: int
    of_endpoint: int
    of_tenant: int


# `lanes` are the endpoints with something pending, found by one look into the index for each, however many
# messages one of them has (a loose index scan, wiki.postgresql.org/wiki/Loose_indexscan): an endpoint that
# does not answer collects messages by the thousand, and nobody has to read past them. Turns are taken by
# tenant: each has its first message sent before another's second. Two claims at the very same moment may
# together exceed `of_endpoint`. Rows are compared whole so that only the index of endpoints fits: with plain
# equality the planner walked all that is due once for each endpoint (32 s for 1,000 of them).
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
# Fenced by the attempt: who lost the lease moves nothing. But what a receiver has taken is delivered, whoever
# brought it.
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
# One statement, so that a message and its attempts are of one moment. A redelivery may be asked for as often
# as its owner likes, so only the newest attempts are shown.
_LIST: Final = """
    SELECT message.id, message.url, message.state, message.error, message.created_at,
           CASE WHEN message.state = 'pending' THEN message.next_attempt_at END AS next_attempt_at,
           message.attempt = newest.attempt AND message.sending_until > now() AS is_under_way,
           newest.attempt, newest.at, newest.status, newest.duration_ms, newest.error AS error_of_attempt
    FROM webhook_outbox AS message LEFT JOIN LATERAL (
        SELECT attempt, at, status, duration_ms, error FROM webhook_attempts
        WHERE message_id = message.id ORDER BY attempt DESC LIMIT $3
    ) AS newest ON true
    WHERE message.job_id = $1 AND message.tenant_id = $2
    ORDER BY message.created_at, message.id, newest.attempt
"""
# What is being sent at this moment needs no second copy.
_REDELIVER: Final = """
    WITH message AS (
        SELECT id, tenant_id, endpoint,
               state = 'pending' AND coalesce(sending_until > now(), false) AS is_sending
        FROM webhook_outbox WHERE id = $1 AND job_id = $2 AND tenant_id = $3 FOR UPDATE
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
_OVERDUE: Final = """
    SELECT extract(epoch FROM now() - min(next_attempt_at)) FROM webhook_outbox
    WHERE state = 'pending' AND next_attempt_at <= now()
"""

_ATTEMPTS_SHOWN: Final = 100


async def claim(
    database: Database, *, lease: timedelta, limits: ClaimLimits, under_way: Sequence[UUID] = ()
) -> list[Message]:
    """Take messages that are due; each is this process's until the lease runs out or its end is recorded.

    Args:
        database: connections to Postgres.
        lease: how long nobody else may send them.
        limits: how many.
        under_way: the tenants of the messages that this process is sending already, one entry for each.
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
    """Write how an attempt went, and when the next one is due (`delay` from now, for a pending message).

    Raises:
        UnavailableError: Postgres does not answer; repeating is safe.
    """
    await database.execute(_RECORD, message.id, message.attempt, status, duration_ms, error, state, delay)


async def list_of_job(database: Database, *, job_id: UUID, tenant_id: UUID) -> list[MessageRecord]:
    """The messages of a job of this tenant, oldest first."""
    rows = await database.fetch(_LIST, job_id, tenant_id, _ATTEMPTS_SHOWN)
    return [_record(list(group)) for _, group in groupby(rows, key=itemgetter("id"))]


def _record(rows: Sequence[asyncpg.Record]) -> MessageRecord:
    message = rows[0]
    return MessageRecord(
        id=message["id"],
        url=message["url"],
        state=MessageState(message["state"]),
        error=_error(message["error"]),
        created_at=message["created_at"],
        next_attempt_at=message["next_attempt_at"],
        attempts=[_attempt(row) for row in rows if row["attempt"] is not None],
    )


def _error(word: str | None) -> DeliveryError | None:
    return None if word is None else DeliveryError(word)


def _attempt(row: asyncpg.Record) -> MessageAttempt:
    error = _error(row["error_of_attempt"])
    if row["duration_ms"] is None and not row["is_under_way"]:
        error = DeliveryError.SENDER_LOST
    return MessageAttempt(row["attempt"], row["at"], row["status"], row["duration_ms"], error)


async def redeliver(database: Database, *, message_id: UUID, job_id: UUID, tenant_id: UUID) -> bool:
    """Send a message again now, whatever became of it, with a new schedule. False: there is no such message.

    Its endpoint is enabled again if a 410 had disabled it.
    """
    return bool(await database.fetchval(_REDELIVER, message_id, job_id, tenant_id))


async def overdue_s(database: Database) -> float:
    """For how many seconds the message has been due that is due the longest; 0: none is."""
    return float(await database.fetchval(_OVERDUE) or 0)
