"""How schedules make jobs: each time once, whoever looks, and however many do.

A fire is one statement. It takes the schedule as it was read (same time, same revision), inserts the job and
moves `next_fire_at` ahead: all of it or nothing, and only for the first who comes. No lock is held while
anybody thinks, so a worker that is frozen or dies in the middle keeps nobody from firing.

The clock is the database's alone. What was missed is made up for by one job, for the latest time, however
long ago: as systemd does with `Persistent=true`, and a CronJob of Kubernetes without a deadline.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.insert import NewJob, insert_statement
from fleet.jobs.read import count_queued
from fleet.queue.entry import QUEUED_JOB_COLUMNS, QueuedJob, queued_job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.schedules.plan import Due, Plan, ScheduleRefusal, plan
from fleet.tenants import usage
from fleet.vault import Vault, writing_sealed

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
# Without a time to come there is nothing left to do but to disable it.
_SKIP: Final = f"""
    WITH due AS ({_AS_READ})
    UPDATE schedules
    SET next_fire_at = $4, enabled = $4::timestamptz IS NOT NULL,
        last_error_type = $5, last_error_detail = $6, last_error_at = now()
    FROM due WHERE schedules.id = due.id RETURNING schedules.id
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """A time that came.

    Attributes:
        result: the job on its way into the line, or why there is none.
        has_missed: whether times before it were left out.
    """

    schedule_id: UUID
    scheduled_for: datetime
    result: QueuedJob | ScheduleRefusal
    has_missed: bool


async def seconds_to_next(database: Database) -> float | None:
    """Seconds until the next time of any schedule, negative when it has come; None: there is none."""
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
    """Fire some of the schedules that are due; those that others fire meanwhile are not in the answer.

    Args:
        database: connections to Postgres.
        vault: opens what schedules hold as secret, and seals it for their jobs.
        policy: which addresses everybody's jobs reach.
        max_queued: jobs that a tenant without a limit of its own may have queued; 0: any number.
        limit: how many; each may hold 2 MiB of HTML.
        max_renders_per_month: jobs that a tenant without a limit of its own may have accepted in a month; 0:
            any number.

    Raises:
        UnavailableError: Postgres does not answer. What was fired before that is: the sweeper finds it.
    """
    rows = await database.fetch(_DUE, limit)
    fired = []
    for row in rows:
        due = _due(row)
        planned = plan(due, policy, vault)
        if isinstance(planned.request, RenderRequest):
            refusal = await _refusal(database, due, max_queued, max_renders_per_month)
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
        await _skip(database, due, planned, request)
        if isinstance(request, ScheduleRefusal)
        else await _make(database, vault, due, planned, request)
    )
    if result is None:
        return None
    return Fired(due.id, planned.scheduled_for, result, has_missed=planned.scheduled_for > due.fire_at)


async def _refusal(
    database: Database, due: Due, max_queued: int, max_renders_per_month: int
) -> ScheduleRefusal | None:
    """Why the tenant may have no more jobs, if so. A limit of 0 in the settings is none."""
    most = due.max_queued if due.max_queued is not None else max_queued or None
    if most is not None and await count_queued(database, tenant_id=due.tenant_id, limit=most) >= most:
        return ScheduleRefusal(ErrorType.QUOTA_EXCEEDED, "you had as many queued jobs as you may have")
    own = due.max_renders_per_month
    most = own if own is not None else max_renders_per_month or None
    if most is not None and (await usage.read(database, due.tenant_id)).accepted >= most:
        return ScheduleRefusal(ErrorType.QUOTA_EXCEEDED, "you had as many jobs this month as you may have")
    return None


async def _make(
    database: Database, vault: Vault, due: Due, planned: Plan, request: RenderRequest
) -> QueuedJob | None:
    # Without a render_digest: an equal request of a call is not answered with a schedule's job.
    new = NewJob.of(request, vault, due.tenant_id)._replace(
        schedule_id=due.id, scheduled_for=planned.scheduled_for, render_digest=None
    )
    arguments = (due.id, due.fire_at, due.revision, planned.next_fire_at, *new)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_FIRE, *arguments))
    return None if row is None else queued_job_from_row(row)


async def _skip(
    database: Database, due: Due, planned: Plan, refusal: ScheduleRefusal
) -> ScheduleRefusal | None:
    as_read = (due.id, due.fire_at, due.revision)
    row = await database.fetchrow(_SKIP, *as_read, planned.next_fire_at, refusal.type, refusal.detail)
    return None if row is None else refusal
