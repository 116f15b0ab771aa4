"""How schedules make jobs: each time once, whoever looks, and however many do.

A fire is one statement. It takes the schedule as it was read (same time, same revision), inserts the job and
moves `next_fire_at` ahead: all of it or nothing, and only for the first who comes. No lock is held while
anybody thinks, so a worker that is frozen or dies in the middle keeps nobody from firing.

The clock is the database's alone. What was missed is made up for by one job, for the latest time, however
long ago: as systemd does with `Persistent=true`, and a CronJob of Kubernetes without a deadline.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils
from pydantic import ValidationError

from fleet import months
from fleet.addresses import AddressPolicy
from fleet.cron import Timetable
from fleet.database import Pool, answering
from fleet.errors import ErrorType
from fleet.jobs import Waiting, count_queued, waiting_from_row
from fleet.logs import get_logger
from fleet.options.source import EGRESS_CONTEXT
from fleet.request import RenderRequest
from fleet.sealed_request import SealedRequest, sealed_columns
from fleet.vault import Owner, Purpose, UnsealError, Vault, writing_sealed

log = get_logger(__name__)

_UNTIL_NEXT: Final = """
    SELECT extract(epoch FROM min(next_fire_at) - clock_timestamp()) FROM schedules WHERE enabled
"""
# Some of the longest due, at random, so that workers that look at the same moment find different ones.
_DUE: Final = """
    SELECT schedules.id, schedules.tenant_id, cron, timezone, request, secrets, next_fire_at, revision,
           tenants.max_queued, tenants.max_renders_per_month, tenants.egress_allow, tenants.egress_deny, now()
    FROM (SELECT id FROM schedules WHERE enabled AND next_fire_at <= now()
          ORDER BY next_fire_at LIMIT 200) AS due
    JOIN schedules USING (id) JOIN tenants ON tenants.id = schedules.tenant_id
    ORDER BY random() LIMIT $1
"""
_AS_READ: Final = """
    SELECT id, tenant_id FROM schedules
    WHERE id = $1 AND enabled AND next_fire_at = $2 AND revision = $3 FOR UPDATE SKIP LOCKED
"""
_FIRE: Final = f"""
    WITH due AS ({_AS_READ}), made AS (
        INSERT INTO jobs (id, tenant_id, schedule_id, scheduled_for, request, secrets, sealed_fields,
                          request_digest, external_id, max_attempts, priority, expires_at, webhook_url,
                          retention_s, dispatched_at)
        SELECT $4, due.tenant_id, due.id, $5, $6, $7, string_to_array($8, ','), $9, $10, $11, $12,
               now() + $13::interval, $14, $15, now()
        FROM due
        ON CONFLICT (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL DO NOTHING
        RETURNING id, dispatch, tenant_id, priority, attempt > 0 AS has_run
    ), moved AS (
        UPDATE schedules
        SET next_fire_at = $16, last_fired_at = now(),
            last_job_id = coalesce((SELECT id FROM made), last_job_id), last_error_type = NULL,
            last_error_detail = NULL, last_error_at = NULL
        FROM due WHERE schedules.id = due.id
    )
    SELECT made.*, tenants.weight FROM made JOIN tenants ON tenants.id = made.tenant_id
"""
# Without a time to come there is nothing left to do but to disable it.
_SKIP: Final = f"""
    WITH due AS ({_AS_READ})
    UPDATE schedules
    SET next_fire_at = $4, enabled = $4::timestamptz IS NOT NULL,
        last_error_type = $5, last_error_detail = $6, last_error_at = now()
    FROM due WHERE schedules.id = due.id RETURNING schedules.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come, as it was read.

    Attributes:
        request_json: what to render; None: its secrets cannot be read.
        fire_at: the first time that was not fired.
        now: the database's time.
        max_queued: how many queued jobs its tenant may have; None takes the setting.
        max_renders_per_month: how many jobs its tenant may have accepted in a month; None takes the setting.
        egress_allow: what its tenant reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what its tenant does not reach, as `EGRESS_DENY` is written.
    """

    id: UUID
    tenant_id: UUID
    cron: str
    timezone: str
    request_json: str | None
    fire_at: datetime
    revision: int
    now: datetime
    max_queued: int | None
    max_renders_per_month: int | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a time makes no job."""

    type: ErrorType
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a due schedule does: one job for `scheduled_for`, or none, and when it comes again.

    Attributes:
        next_fire_at: None: never, and the schedule is disabled.
    """

    scheduled_for: datetime
    next_fire_at: datetime | None
    request: RenderRequest | Refusal


@dataclass(frozen=True, slots=True)
class Fired:
    """A time that came.

    Attributes:
        result: the job on its way into the line, or why there is none.
        has_missed: whether times before it were left out.
    """

    schedule_id: UUID
    scheduled_for: datetime
    result: Waiting | Refusal
    has_missed: bool


def plan(due: Due, policy: AddressPolicy) -> Plan:
    """What to do with a due schedule. Pure, and raises nothing: one bad schedule must not stop the others."""
    try:
        timetable = Timetable.parse(due.cron, due.timezone)
        scheduled_for = timetable.latest(first=due.fire_at, until=due.now)
        next_fire_at = timetable.after(due.now)
    except Exception:
        log.exception("schedule disabled: its times cannot be read", schedule_id=str(due.id))
        refusal = Refusal(ErrorType.INTERNAL_ERROR, "its times cannot be read any more; it is disabled")
        return Plan(due.fire_at, None, refusal)
    return Plan(scheduled_for, next_fire_at, _request(due, policy))


def _request(due: Due, policy: AddressPolicy) -> RenderRequest | Refusal:
    if due.request_json is None:
        return Refusal(ErrorType.SECRETS_UNREADABLE, "what its job was given as secret cannot be read")
    try:
        own = policy.for_tenant(due.egress_allow, due.egress_deny)
        return RenderRequest.model_validate_json(due.request_json, context={EGRESS_CONTEXT: own})
    except ValidationError as error:
        # Accepted by another release, or under another EGRESS_ALLOW.
        findings = error.errors(include_url=False, include_input=False)
        is_blocked = any(finding["type"] == ErrorType.URL_BLOCKED for finding in findings)
        type_ = ErrorType.URL_BLOCKED if is_blocked else ErrorType.INVALID_REQUEST
        return Refusal(type_, "; ".join(finding["msg"] for finding in findings))
    except ValueError:
        log.exception("the addresses of a tenant cannot be read", tenant_id=str(due.tenant_id))
        return Refusal(ErrorType.INTERNAL_ERROR, "which addresses you reach cannot be read")


async def seconds_to_next(pool: Pool) -> float | None:
    """Seconds until the next time of any schedule, negative when it has come; None: there is none.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        seconds = await pool.fetchval(_UNTIL_NEXT)
    return None if seconds is None else float(seconds)


async def fire_due(
    pool: Pool,
    vault: Vault,
    policy: AddressPolicy,
    *,
    max_queued: int,
    limit: int,
    max_renders_per_month: int = 0,
) -> list[Fired]:
    """Fire some of the schedules that are due; those that others fire meanwhile are not in the answer.

    Args:
        pool: connections to Postgres.
        vault: opens what schedules hold as secret, and seals it for their jobs.
        policy: which addresses everybody's jobs reach.
        max_queued: jobs that a tenant without a limit of its own may have queued; 0: any number.
        limit: how many; each may hold 2 MiB of HTML.
        max_renders_per_month: jobs that a tenant without a limit of its own may have accepted in a month; 0:
            any number.

    Raises:
        UnavailableError: Postgres does not answer. What was fired before that is: the sweeper finds it.
    """
    async with answering():
        rows = await pool.fetch(_DUE, limit)
    fired = []
    for row in rows:
        due = _due(row, vault)
        planned = plan(due, policy)
        if isinstance(planned.request, RenderRequest):
            refusal = await _refusal(pool, due, max_queued, max_renders_per_month)
            planned = planned if refusal is None else replace(planned, request=refusal)
        result = await _fire(pool, vault, due, planned)
        if result is not None:
            fired.append(result)
    return fired


def _due(row: asyncpg.Record, vault: Vault) -> Due:
    return Due(
        id=row["id"],
        tenant_id=row["tenant_id"],
        cron=row["cron"],
        timezone=row["timezone"],
        request_json=_request_json(row, vault),
        fire_at=row["next_fire_at"],
        revision=row["revision"],
        now=row["now"],
        max_queued=row["max_queued"],
        max_renders_per_month=row["max_renders_per_month"],
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
    )


def _request_json(row: asyncpg.Record, vault: Vault) -> str | None:
    owner = Owner(Purpose.SCHEDULE, row["tenant_id"], row["id"])
    try:
        return SealedRequest(row["request"], row["secrets"]).unseal(vault, owner)
    except UnsealError:
        log.exception("a schedule's secrets cannot be read", schedule_id=str(row["id"]))
        return None


async def _fire(pool: Pool, vault: Vault, due: Due, planned: Plan) -> Fired | None:
    request = planned.request
    result = (
        await _skip(pool, due, planned, request)
        if isinstance(request, Refusal)
        else await _make(pool, vault, due, planned, request)
    )
    if result is None:
        return None
    return Fired(due.id, planned.scheduled_for, result, has_missed=planned.scheduled_for > due.fire_at)


async def _refusal(pool: Pool, due: Due, max_queued: int, max_renders_per_month: int) -> Refusal | None:
    """Why the tenant may have no more jobs, if so. A limit of 0 in the settings is none."""
    most = due.max_queued if due.max_queued is not None else max_queued or None
    if most is not None and await count_queued(pool, tenant_id=due.tenant_id, limit=most) >= most:
        return Refusal(ErrorType.QUOTA_EXCEEDED, "you had as many queued jobs as you may have")
    own = due.max_renders_per_month
    most = own if own is not None else max_renders_per_month or None
    if most is not None and (await months.read(pool, due.tenant_id)).accepted >= most:
        return Refusal(ErrorType.QUOTA_EXCEEDED, "you had as many jobs this month as you may have")
    return None


async def _make(pool: Pool, vault: Vault, due: Due, planned: Plan, request: RenderRequest) -> Waiting | None:
    job_id = uuid_utils.uuid7()
    arguments = (
        due.id,
        due.fire_at,
        due.revision,
        job_id,
        planned.scheduled_for,
        *sealed_columns(request, vault, Owner(Purpose.JOB, due.tenant_id, job_id)),
        vault.digest(request.canonical(), tenant_id=due.tenant_id),
        request.external_id,
        request.max_attempts,
        request.priority,
        None if request.expires_in_s is None else timedelta(seconds=request.expires_in_s),
        request.webhook_url,
        request.retention_s,
        planned.next_fire_at,
    )
    async with answering():
        row = await writing_sealed(pool, vault, lambda: pool.fetchrow(_FIRE, *arguments))
    return None if row is None else waiting_from_row(row)


async def _skip(pool: Pool, due: Due, planned: Plan, refusal: Refusal) -> Refusal | None:
    as_read = (due.id, due.fire_at, due.revision)
    async with answering():
        row = await pool.fetchrow(_SKIP, *as_read, planned.next_fire_at, refusal.type, refusal.detail)
    return None if row is None else refusal
