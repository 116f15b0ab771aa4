"""Messages of the outbox as their owners read them, with all SQL for this: of a job, of an endpoint, one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.webhooks.outbox import DeliveryError, MessageState


@dataclass(frozen=True, slots=True)
class MessageAttempt:
    """One attempt, as it is shown to the message's owner.

    Attributes:
        status: of the receiver's response; None: there was none.
        duration_ms: None while it runs, or if its sender was lost.
        error: None if it succeeded, or while it runs.
    """

    attempt: int
    at: datetime
    status: int | None
    duration_ms: float | None
    error: DeliveryError | None


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message with its latest attempts, the oldest of them first.

    Attributes:
        job_id: None: it is a test.
    """

    id: UUID
    job_id: UUID | None
    url: str
    state: MessageState
    error: DeliveryError | None
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: Sequence[MessageAttempt]


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message in the list of its endpoint.

    Attributes:
        job_id: None: it is a test.
        attempts: how often it was sent.
        status: of the last response; None: there was none.
    """

    id: UUID
    job_id: UUID | None
    state: MessageState
    error: DeliveryError | None
    created_at: datetime
    attempts: int
    status: int | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class DeliveryRate:
    """How well an endpoint receives, by its newest `RATE_OF` messages.

    Attributes:
        tried: how many of those that are pending were not taken yet, at one attempt or more.
        last_error: of the newest message that failed; None: none did.
        last_failed_at: when that message was made.
        last_at: when the newest message was made; None: there is none.
    """

    delivered: int = 0
    failed: int = 0
    pending: int = 0
    tried: int = 0
    last_error: DeliveryError | None = None
    last_failed_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def ended(self) -> int:
        """How many of them are delivered or failed."""
        return self.delivered + self.failed


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """The place of a message in the list of its endpoint, which is ordered by time."""

    created_at: datetime
    id: UUID


# One statement, so that messages and attempts are read at the same moment. Owners may redeliver a message any
# number of times, so only its latest attempts are shown.
_WHOLE: Final = """
    SELECT message.id, message.job_id, message.url, message.state, message.error, message.created_at,
           CASE WHEN message.state = 'pending' THEN message.next_attempt_at END AS next_attempt_at,
           message.attempt = newest.attempt AND message.sending_until > now() AS is_under_way,
           newest.attempt, newest.at, newest.status, newest.duration_ms, newest.error AS error_of_attempt
    FROM webhook_outbox AS message LEFT JOIN LATERAL (
        SELECT attempt, at, status, duration_ms, error FROM webhook_attempts
        WHERE message_id = message.id ORDER BY attempt DESC LIMIT $1
    ) AS newest ON true
"""
_LIST: Final = f"""
    {_WHOLE}
    WHERE message.job_id = $2 AND message.tenant_id = $3
    ORDER BY message.created_at, message.id, newest.attempt
"""
_GET: Final = f"""
    {_WHOLE}
    WHERE message.id = $2 AND message.tenant_id = $3
      AND message.endpoint = (SELECT endpoint FROM webhook_endpoints WHERE id = $4 AND tenant_id = $3)
    ORDER BY newest.attempt
"""
_NEWEST: Final = """
    SELECT message.id, job_id, state, message.error, created_at, message.attempt AS attempts, last.status,
           last.duration_ms
    FROM webhook_outbox AS message LEFT JOIN webhook_attempts AS last
        ON last.message_id = message.id AND last.attempt = message.attempt
    WHERE tenant_id = $1 AND endpoint = webhook_endpoint($2) AND ($3::text IS NULL OR state = $3)
      AND ($4::timestamptz IS NULL OR (created_at, message.id) < ($4, $5))
    ORDER BY created_at DESC, message.id DESC LIMIT $6
"""
# Of each endpoint the newest messages alone: how many there are in all does not matter.
_RATES: Final = """
    SELECT asked.url, newest.*
    FROM unnest($2::text[]) AS asked (url) CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'delivered') AS delivered,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'pending') AS pending,
               count(*) FILTER (WHERE state = 'pending' AND is_tried) AS tried,
               (array_agg(error ORDER BY created_at DESC) FILTER (WHERE state = 'failed'))[1] AS last_error,
               max(created_at) FILTER (WHERE state = 'failed') AS last_failed_at,
               max(created_at) AS last_at
        FROM (
            SELECT state, error, created_at,
                   tries > CASE WHEN sending_until > now() THEN 1 ELSE 0 END AS is_tried
            FROM webhook_outbox
            WHERE tenant_id = $1 AND endpoint = webhook_endpoint(asked.url)
            ORDER BY created_at DESC, id DESC LIMIT $3
        ) AS few
    ) AS newest
"""
RATE_OF: Final = 200
_ATTEMPTS_SHOWN: Final = 100


async def list_of_job(database: Database, *, job_id: UUID, tenant_id: UUID) -> list[MessageRecord]:
    """The messages of a job of this tenant, oldest first."""
    rows = await database.fetch(_LIST, _ATTEMPTS_SHOWN, job_id, tenant_id)
    return [_message_record(list(group)) for _, group in groupby(rows, key=itemgetter("id"))]


async def get(
    database: Database, *, message_id: UUID, tenant_id: UUID, endpoint_id: UUID
) -> MessageRecord | None:
    """One message to an endpoint. None: there is none, or it belongs to another tenant."""
    rows = await database.fetch(_GET, _ATTEMPTS_SHOWN, message_id, tenant_id, endpoint_id)
    return _message_record(rows) if rows else None


async def list_of_endpoint(
    database: Database,
    *,
    tenant_id: UUID,
    url: str,
    state: MessageState | None,
    after: MessagePlace | None,
    limit: int,
) -> list[MessageLine]:
    """A page of the messages to an endpoint, newest first.

    Args:
        database: connections to Postgres.
        tenant_id: whose endpoint.
        url: its address; query and fragment do not matter.
        state: only messages in this state; None: all.
        after: the last message of the page before; None: the first page.
        limit: how many messages.
    """
    place = (None, None) if after is None else (after.created_at, after.id)
    rows = await database.fetch(_NEWEST, tenant_id, url, state, *place, limit)
    return [_message_line(row) for row in rows]


async def delivery_rates(
    database: Database, *, tenant_id: UUID, urls: Sequence[str]
) -> Mapping[str, DeliveryRate]:
    """How well endpoints receive, by their addresses. Reads at most `RATE_OF` messages of each."""
    rows = await database.fetch(_RATES, tenant_id, list(urls), RATE_OF)
    return {
        row["url"]: DeliveryRate(
            row["delivered"],
            row["failed"],
            row["pending"],
            row["tried"],
            _delivery_error(row["last_error"]),
            row["last_failed_at"],
            row["last_at"],
        )
        for row in rows
    }


def _message_line(row: asyncpg.Record) -> MessageLine:
    values = {name: row[name] for name in MessageLine.__slots__}
    values |= {"state": MessageState(row["state"]), "error": _delivery_error(row["error"])}
    return MessageLine(**values)


def _message_record(rows: Sequence[asyncpg.Record]) -> MessageRecord:
    message = rows[0]
    return MessageRecord(
        id=message["id"],
        job_id=message["job_id"],
        url=message["url"],
        state=MessageState(message["state"]),
        error=_delivery_error(message["error"]),
        created_at=message["created_at"],
        next_attempt_at=message["next_attempt_at"],
        attempts=[_message_attempt(row) for row in rows if row["attempt"] is not None],
    )


def _delivery_error(word: str | None) -> DeliveryError | None:
    return None if word is None else DeliveryError(word)


def _message_attempt(row: asyncpg.Record) -> MessageAttempt:
    error = _delivery_error(row["error_of_attempt"])
    if row["duration_ms"] is None and not row["is_under_way"]:
        error = DeliveryError.SENDER_LOST
    return MessageAttempt(row["attempt"], row["at"], row["status"], row["duration_ms"], error)
