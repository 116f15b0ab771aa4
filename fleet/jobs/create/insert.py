"""The only way into the table `jobs`: one record and one statement for everything that makes a job.

A call, a batch, a signed link, a schedule and a retry each describe their jobs as `NewJob`. What else has to
happen in the same transaction, such as moving the schedule ahead, they put around this one statement. A new
column of `jobs` that is set when a job is made needs a line in `NewJob` and a line in `_TYPES`.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import uuid_utils.compat as uuid_utils

from fleet.jobs.job import JOB_COLUMNS
from fleet.render.request import RenderRequest
from fleet.render.sealed import sealed_job_columns
from fleet.telemetry.traces import traceparent
from fleet.vault import Purpose, SecretOwner, Vault

_PORT: Final = re.compile(r":\d+$")


class NewJob(NamedTuple):
    """What is stored of a job when it is made. Most fields are columns of the same name.

    A tuple, since a POST makes one: as a dataclass it would cost five times as much.

    Attributes:
        request: the public part of the request, as JSON.
        secrets: the credentials, sealed for this job; None: there are none.
        content: what the page is made of, sealed for this job; None: nothing that is secret.
        sealed_fields: the names of the fields in `secrets` and `content`, separated by commas.
        request_digest: tells whether a later call with the same idempotency key has the same request; empty
            without a key.
        render_digest: the same for all jobs that render the same; None: other calls do not reuse this job.
        run_at: the job runs at this time or later; None or a time in the past: now.
        expires_in: from now; None: never.
        host: of the page's address; None: it has none.
        retry_of: the ended job whose request this one has.
        replay_of: the ended job whose recorded requests this one is rendered from; None: from the web.
        of_link: whether a signed link made it. Of open ones that render the same only one can exist.
        bundle_id: the bundle in which the files of its page are; None: none was uploaded.
        traceparent: of what has made it, or of who has called; None: nobody traces it.
        schedule_id: the schedule that made it, for its time `scheduled_for`. Each time has only one job.
    """

    id: UUID
    tenant_id: UUID
    request: str
    secrets: bytes | None
    content: bytes | None
    sealed_fields: str | None
    request_digest: bytes
    render_digest: bytes | None
    external_id: str | None
    host: str | None
    format: str
    max_attempts: int
    priority: int
    run_at: datetime | None
    expires_in: timedelta | None
    webhook_url: str | None
    retention_s: int
    idempotency_key: str | None = None
    retry_of: UUID | None = None
    crash_count: int = 0
    of_link: bool = False
    schedule_id: UUID | None = None
    scheduled_for: datetime | None = None
    bundle_id: UUID | None = None
    replay_of: UUID | None = None
    traceparent: str | None = None

    @classmethod
    def of(
        cls, request: RenderRequest, vault: Vault, tenant_id: UUID, *, idempotency_key: str | None = None
    ) -> Self:
        """A job with a new id for a request.

        Args:
            request: what to render.
            vault: seals the request's secrets for the new job.
            tenant_id: whose job it is.
            idempotency_key: of the call that makes it. What else makes jobs sets its own fields with
                `_replace`.
        """
        job_id = uuid_utils.uuid7()
        public, secrets, content, sealed_fields = sealed_job_columns(
            request, vault, SecretOwner(Purpose.JOB, tenant_id, job_id)
        )
        return cls(
            id=job_id,
            tenant_id=tenant_id,
            request=public,
            secrets=secrets,
            content=content,
            sealed_fields=sealed_fields,
            request_digest=b"" if idempotency_key is None else request_digest(request, vault, tenant_id),
            render_digest=render_digest(request, vault, tenant_id),
            external_id=request.external_id,
            host=None if request.url is None else host_of(request.url),
            format=request.format.value,
            max_attempts=request.max_attempts,
            priority=request.priority,
            run_at=request.run_at,
            expires_in=None if request.expires_in_s is None else timedelta(seconds=request.expires_in_s),
            webhook_url=request.webhook_url,
            retention_s=request.retention_s,
            idempotency_key=idempotency_key,
            traceparent=traceparent(),
        )


# The fields of NewJob in their order, with the types that Postgres knows them by.
_TYPES: Final = {
    "id": "uuid",
    "tenant_id": "uuid",
    "request": "json",
    "secrets": "bytea",
    "content": "bytea",
    "sealed_fields": "text",
    "request_digest": "bytea",
    "render_digest": "bytea",
    "external_id": "text",
    "host": "text",
    "format": "text",
    "max_attempts": "integer",
    "priority": "smallint",
    "run_at": "timestamptz",
    "expires_in": "interval",
    "webhook_url": "text",
    "retention_s": "integer",
    "idempotency_key": "text",
    "retry_of": "uuid",
    "crash_count": "integer",
    "of_link": "boolean",
    "schedule_id": "uuid",
    "scheduled_for": "timestamptz",
    "bundle_id": "uuid",
    "replay_of": "uuid",
    "traceparent": "text",
}
# These fields are not stored as they are given; see the statement.
_CONVERTED: Final = frozenset({"sealed_fields", "run_at", "expires_in"})
_UNCHANGED: Final = ", ".join(name for name in _TYPES if name not in _CONVERTED)


def host_of(url: str) -> str:
    """The host of a normalised address without user name, such as `example.com` or `[2001:db8::1]`."""
    authority = url.split("/", 3)[2]
    return authority.rpartition(":")[0] if _PORT.search(authority) else authority


def request_digest(request: RenderRequest, vault: Vault, tenant_id: UUID) -> bytes:
    """The same bytes for all requests of a tenant that ask for the same; `Vault.matches` compares them."""
    return vault.digest(request.canonical(), tenant_id=tenant_id)


def render_digest(request: RenderRequest, vault: Vault, tenant_id: UUID) -> bytes:
    """The same bytes for all requests of a tenant that render the same.

    Keyed with the vault's key: whoever reads the database cannot find a secret by trying guesses.
    """
    return vault.digest(request.rendered(), tenant_id=tenant_id)


def insert_statement(*, own_arguments: int = 0, condition: str = "true", of_many: bool = False) -> str:
    """The statement that inserts jobs and returns their rows; one statement is one transaction.

    A job that is in conflict with one that exists is left out: the same idempotency key, another open job of
    a link that renders the same, or the same time of the same schedule.

    `dispatched_at` is set in advance, so that the usual case needs no second write: the sweeper looks for
    such rows in Redis once, in case this process dies before it sends them there. A job that is to run later
    has none, and the sweeper sends it when its time has come.

    Args:
        own_arguments: how many arguments the statement around this one has for itself: `$1`, `$2` and so on.
            Those of the jobs follow.
        condition: SQL that must be true, else nothing is inserted.
        of_many: whether it takes any number of jobs, with `columns_of(jobs)` as arguments, instead of one,
            whose fields are the arguments. Only the way in which the values come differs: as arrays of one
            element they would make a POST 0.1 ms slower.
    """
    placeholders = [f"${number}::{type_}" for number, type_ in enumerate(_TYPES.values(), own_arguments + 1)]
    rows = f"unnest({'[], '.join(placeholders)}[])" if of_many else f"(VALUES ({', '.join(placeholders)}))"
    return f"""
        INSERT INTO jobs ({_UNCHANGED}, sealed_fields, run_after, expires_at, dispatched_at)
        SELECT {_UNCHANGED}, string_to_array(sealed_fields, ','), greatest(run_at, now()), now() + expires_in,
               CASE WHEN run_at > now() THEN NULL ELSE now() END
        FROM {rows} AS new ({", ".join(_TYPES)})
        WHERE {condition}
        ON CONFLICT DO NOTHING
        RETURNING {JOB_COLUMNS}
    """


def columns_of(jobs: Sequence[NewJob]) -> tuple[tuple[Any, ...], ...]:
    """One tuple for each field, with one element for each job: the arguments of a statement of many jobs."""
    return tuple(zip(*jobs, strict=True))
