"""Making the jobs of schedules: one job for each time, however many workers do this at once.

A schedule fires with one statement, which inserts the job and moves `next_fire_at` ahead. It has an effect
only if the schedule is still as it was read (same time, same revision), so only the first worker succeeds. No
lock is held between reading and firing: a worker that freezes or dies in between does not stop the others.

Only the clock of the database is used. For times that were missed, one job is made, for the latest of them,
however long ago it was. systemd does the same with `Persistent=true`, and so does a Kubernetes CronJob
without a deadline.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.create.insert import NewJob, insert_statement
from fleet.jobs.read import count_queued
from fleet.queue.entry import QUEUED_JOB_COLUMNS, QueuedJob, queued_job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest, sealed_columns
from fleet.schedules.plan import Due, Plan, ScheduleRefusal, plan
from fleet.tenants import usage
from fleet.vault import Purpose, SecretOwner, Vault, writing_sealed

_UNTIL_NEXT: Final = """
    SELECT extract(epoch FROM min(next_fire_at) - clock_timestamp()) FROM schedules WHERE enabled
"""
# A random choice of those that have been due for longest, so that workers do not all read the same ones.
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
        {insert_statement(own_arguments=4, condition="EXISTS (SELECT FROM due)")}
    ), moved AS (
        UPDATE schedules
        SET next_fire_at = $4, last_fired_at = now(),
            last_job_id = coalesce((SELECT id FROM made), last_job_id), last_error_type = NULL,
            last_error_detail = NULL, last_error_at = NULL
        FROM due WHERE schedules.id = due.id
    )
    SELECT {QUEUED_JOB_COLUMNS} FROM made AS jobs JOIN tenants ON tenants.id = jobs.tenant_id
"""
# A schedule that has no next time is disabled.
_SKIP: Final = f"""
    WITH due AS ({_AS_READ})
    UPDATE schedules
    SET next_fire_at = $4, enabled = $4::timestamptz IS NOT NULL,
        last_error_type = $5, last_error_detail = $6, last_error_at = now()
    FROM due WHERE schedules.id = due.id RETURNING schedules.id
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """A schedule that has fired.

    Attributes:
        result: the job, to be put into Redis, or why there is none.
        has_missed: whether earlier times were missed, for which no job was made.
    """

    schedule_id: UUID
    scheduled_for: datetime
    result: QueuedJob | ScheduleRefusal
    has_missed: bool


async def seconds_to_next(database: Database) -> float | None:
    """Seconds until the next schedule is due; negative if one is due. None: there is none."""
    seconds = await database.fetchval(_UNTIL_NEXT)
    return None if seconds is None else float(seconds)


async def fire_due(
    database: Database,
    vault: Vault,
    policy: AddressPolicy,
    *,
    max_queued: int,
    limit: int,
    max_renders_per_month: int = 0,
) -> list[Fired]:
    """Fire some of the schedules that are due, and return those that this call has fired.

    Args:
        database: connections to Postgres.
        vault: opens the secrets of schedules, and seals them for their jobs.
        policy: the addresses that jobs of all tenants reach.
        max_queued: how many queued jobs a tenant without a limit of its own may have; 0: any number.
        limit: how many schedules at most; each may have 2 MiB of HTML.
        max_renders_per_month: how many jobs a tenant without a limit of its own may have accepted in a month;
            0: any number.

    Raises:
        UnavailableError: Postgres does not answer. Jobs that were made before are sent by the sweeper.
    """
    rows = await database.fetch(_DUE, limit)
    fired = []
    for row in rows:
        due = _due(row)
        planned = plan(due, policy, vault)
        if isinstance(planned.request, RenderRequest):
            refusal = await _quota_refusal(database, due, max_queued, max_renders_per_month)
            planned = planned if refusal is None else replace(planned, request=refusal)
        result = await _fire(database, vault, due, planned)
        if result is not None:
            fired.append(result)
    return fired


def _due(row: asyncpg.Record) -> Due:
    return Due(
        id=row["id"],
        tenant_id=row["tenant_id"],
        cron=row["cron"],
        timezone=row["timezone"],
        request=SealedRequest(row["request"], row["secrets"]),
        fire_at=row["next_fire_at"],
        revision=row["revision"],
        now=row["now"],
        max_queued=row["max_queued"],
        max_renders_per_month=row["max_renders_per_month"],
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
    )


async def _fire(database: Database, vault: Vault, due: Due, planned: Plan) -> Fired | None:
    request = planned.request
    result = (
        await _skip_time(database, due, planned, request)
        if isinstance(request, ScheduleRefusal)
        else await _make_job(database, vault, due, planned, request)
    )
    if result is None:
        return None
    return Fired(due.id, planned.scheduled_for, result, has_missed=planned.scheduled_for > due.fire_at)


async def _quota_refusal(
    database: Database, due: Due, max_queued: int, max_renders_per_month: int
) -> ScheduleRefusal | None:
    """Why the tenant may have no more jobs; None: it may. A limit of 0 in the settings means no limit."""
    most = due.max_queued if due.max_queued is not None else max_queued or None
    if most is not None and await count_queued(database, tenant_id=due.tenant_id, limit=most) >= most:
        return ScheduleRefusal(ErrorType.QUOTA_EXCEEDED, "you had as many queued jobs as you may have")
    own = due.max_renders_per_month
    most = own if own is not None else max_renders_per_month or None
    if most is not None and (await usage.read(database, due.tenant_id)).accepted >= most:
        return ScheduleRefusal(ErrorType.QUOTA_EXCEEDED, "you had as many jobs this month as you may have")
    return None


async def _make_job(
    database: Database, vault: Vault, due: Due, planned: Plan, request: RenderRequest
) -> QueuedJob | None:
    # Without a render_digest, calls that ask for the same render do not reuse the job of a schedule.
    new = NewJob.of(request, vault, due.tenant_id)._replace(
        schedule_id=due.id, scheduled_for=planned.scheduled_for, render_digest=None
    )
    if new.content is not None:
        # While workers are replaced, one of the previous release may take the job. It reads `secrets` alone.
        # To be removed in the next release.
        owner = SecretOwner(Purpose.JOB, due.tenant_id, new.id)
        new = new._replace(secrets=sealed_columns(request, vault, owner)[1])
    arguments = (due.id, due.fire_at, due.revision, planned.next_fire_at, *new)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_FIRE, *arguments))
    return None if row is None else queued_job_from_row(row)


async def _skip_time(
    database: Database, due: Due, planned: Plan, refusal: ScheduleRefusal
) -> ScheduleRefusal | None:
    as_read = (due.id, due.fire_at, due.revision)
    row = await database.fetchrow(_SKIP, *as_read, planned.next_fire_at, refusal.type, refusal.detail)
    return None if row is None else refusal
