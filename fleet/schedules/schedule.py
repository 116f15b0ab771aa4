"""Schedules as their owner sees them: the row, and the SQL that creates, reads, changes and deletes it.

How a schedule makes jobs is in `fleet/schedules/fire.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Database
from fleet.jobs.facts import ArtifactFacts
from fleet.render.sealed import SealedRequest, sealed_columns, whole_json
from fleet.schedules.compare_column import CompareColumns
from fleet.schedules.cron import Timetable
from fleet.schedules.request import CompareOptions, Deliver, ScheduleRequest
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault, writing_sealed

MAX_SCHEDULES_OF_TENANT: Final = 1_000
NEXT_FIRES: Final = 3


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row of `schedules`.

    Attributes:
        request: the public part of the request as JSON; None in lists if it is long.
        sealed_fields: the names of the secret fields of the request; None: there are none.
        next_fire_at: None while it is not enabled.
        last_error_type: why no job was made for the last time; None: one was made.
    """

    id: UUID
    name: str | None
    cron: str
    timezone: str
    request: str | None
    sealed_fields: list[str] | None
    deliver: Deliver
    compare: CompareOptions | None
    enabled: bool
    next_fire_at: datetime | None
    last_fired_at: datetime | None
    last_job_id: UUID | None
    last_error_type: str | None
    last_error_detail: str | None
    last_error_at: datetime | None
    created_at: datetime

    @property
    def next_fires(self) -> list[datetime]:
        """The next times, calculated from `next_fire_at` without a clock."""
        if self.next_fire_at is None:
            return []
        timetable = Timetable.parse(self.cron, self.timezone)
        fires = [self.next_fire_at]
        while len(fires) < NEXT_FIRES:
            fires.append(timetable.after(fires[-1]))
        return fires


_ALL_BUT_REQUEST: Final = """
    id, name, cron, timezone, deliver, compare_method, compare_threshold, compare, enabled,
    next_fire_at, last_fired_at, last_job_id, last_error_type, last_error_detail, last_error_at,
    created_at, sealed_fields
"""
_COLUMNS: Final = f"{_ALL_BUT_REQUEST}, request"
_COLUMNS_OF_LIST: Final = f"""
    {_ALL_BUT_REQUEST}, CASE WHEN octet_length(request::text) <= 4096 THEN request END AS request
"""

# The lock makes other calls of the tenant wait until this one is committed. It is a statement of its own,
# because the count sees only what was committed before it began.
_LOCK_TENANT: Final = "SELECT now() FROM tenants WHERE id = $1 FOR NO KEY UPDATE"
_COUNT: Final = "SELECT count(*) FROM schedules WHERE tenant_id = $1"
_INSERT: Final = f"""
    INSERT INTO schedules (id, tenant_id, name, cron, timezone, deliver, compare_method, compare_threshold,
                           compare, enabled, request, secrets, sealed_fields, next_fire_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, string_to_array($13, ','), $14)
    RETURNING {_COLUMNS}
"""
_GET: Final = f"SELECT {_COLUMNS} FROM schedules WHERE id = $1 AND tenant_id = $2"
_LIST: Final = f"""
    SELECT {_COLUMNS_OF_LIST} FROM schedules WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_LOCK: Final = f"SELECT {_COLUMNS}, secrets, now() FROM schedules WHERE id = $1 AND tenant_id = $2 FOR UPDATE"
# $14: whether the change affects what pictures show or how they are compared. If so, the last
# picture is deleted, and pictures of jobs that were made before the change are not stored as the last
# picture.
_REPLACE: Final = f"""
    UPDATE schedules
    SET name = $2, cron = $3, timezone = $4, deliver = $5, compare_method = $6, compare_threshold = $7,
        compare = $8, enabled = $9, request = $10, secrets = $11, sealed_fields = string_to_array($12, ','),
        next_fire_at = $13, revision = revision + 1,
        picture = CASE WHEN $14 THEN NULL ELSE picture END,
        picture_key = CASE WHEN $14 THEN NULL ELSE picture_key END,
        picture_for = CASE WHEN $14 THEN least(now(), $13::timestamptz - interval '1 us') ELSE picture_for END
    WHERE id = $1
    RETURNING {_COLUMNS}
"""
_SWITCH: Final = f"""
    UPDATE schedules SET enabled = $2, next_fire_at = $3, revision = revision + 1 WHERE id = $1
    RETURNING {_COLUMNS}
"""
_LAST_PICTURE: Final = """
    SELECT compare_method, compare_threshold, compare, picture, picture_key FROM schedules
    WHERE id = $1 AND deliver = 'when_changed'
"""
_COMPARE: Final = """
    SELECT compare_method, compare_threshold, compare FROM schedules
    WHERE id = $1 AND deliver = 'when_changed'
"""
_DELETE: Final = "DELETE FROM schedules WHERE id = $1 AND tenant_id = $2 RETURNING id"


def _schedule(row: asyncpg.Record) -> Schedule:
    values = {name: row[name] for name in Schedule.__slots__}
    values["deliver"] = Deliver(values["deliver"])
    values["compare"] = _compare(row)
    return Schedule(**values)


def _compare(row: asyncpg.Record) -> CompareOptions | None:
    return CompareColumns(row["compare_method"], row["compare_threshold"], row["compare"]).options()


def _columns(wanted: ScheduleRequest) -> tuple[object, ...]:
    compare = CompareColumns.of(wanted.comparison)
    return (
        wanted.name,
        wanted.cron,
        wanted.timezone,
        wanted.deliver,
        compare.method,
        compare.threshold,
        compare.whole,
        wanted.enabled,
    )


async def create(
    database: Database, vault: Vault, *, tenant_id: UUID, wanted: ScheduleRequest
) -> Schedule | None:
    """Store a schedule. None: the tenant has as many as it may have.

    Raises:
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
    """
    schedule_id = uuid_utils.uuid7()
    sealed = sealed_columns(wanted.job, vault, SecretOwner(Purpose.SCHEDULE, tenant_id, schedule_id))

    async def insert() -> Schedule | None:
        async with database.transaction() as connection:
            now = await connection.fetchval(_LOCK_TENANT, tenant_id)
            if await connection.fetchval(_COUNT, tenant_id) >= MAX_SCHEDULES_OF_TENANT:
                return None
            next_fire_at = wanted.timetable.after(now) if wanted.enabled else None
            row = await connection.fetchrow(
                _INSERT, schedule_id, tenant_id, *_columns(wanted), *sealed, next_fire_at
            )
            return _written_schedule(row)

    return await writing_sealed(database, vault, insert)


async def get(database: Database, *, schedule_id: UUID, tenant_id: UUID) -> Schedule | None:
    """One schedule of this tenant. None: there is none, or it belongs to another tenant."""
    row = await database.fetchrow(_GET, schedule_id, tenant_id)
    return None if row is None else _schedule(row)


async def list_newest(database: Database, *, tenant_id: UUID, before: UUID, limit: int) -> list[Schedule]:
    """A page of this tenant's schedules, newest first, older than `before`."""
    rows = await database.fetch(_LIST, tenant_id, before, limit)
    return [_schedule(row) for row in rows]


async def replace(
    database: Database, vault: Vault, *, schedule_id: UUID, tenant_id: UUID, wanted: ScheduleRequest
) -> Schedule | None:
    """Replace a schedule. None: there is no such schedule.

    A time that is due but not fired yet stays due if `cron` and `timezone` are the same as before, and the
    schedule was enabled and stays enabled.

    Raises:
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
    """
    owner = SecretOwner(Purpose.SCHEDULE, tenant_id, schedule_id)
    columns, sealed = _columns(wanted), sealed_columns(wanted.job, vault, owner)

    async def update() -> Schedule | None:
        async with database.transaction() as connection:
            row = await connection.fetchrow(_LOCK, schedule_id, tenant_id)
            if row is None:
                return None
            before = _schedule(row)
            next_fire_at = _next_fire_at(wanted.timetable, row["now"], enabled=wanted.enabled)
            has_same_times = (before.cron, before.timezone) == (wanted.cron, wanted.timezone)
            if has_same_times and before.enabled and wanted.enabled:
                next_fire_at = before.next_fire_at
            has_same_comparison = CompareColumns.of(before.compare) == CompareColumns.of(wanted.comparison)
            is_other_picture = not (has_same_comparison and _has_same_job(row, wanted, vault, owner))
            row = await connection.fetchrow(
                _REPLACE, schedule_id, *columns, *sealed, next_fire_at, is_other_picture
            )
            return _written_schedule(row)

    return await writing_sealed(database, vault, update)


def _has_same_job(row: asyncpg.Record, wanted: ScheduleRequest, vault: Vault, owner: SecretOwner) -> bool:
    """Whether the stored job template equals the new one."""
    try:
        stored = SealedRequest(row["request"], row["secrets"]).unseal(vault, owner)
    except UnsealError:
        return False
    return stored == whole_json(wanted.job)


async def switch(database: Database, *, schedule_id: UUID, tenant_id: UUID, enabled: bool) -> Schedule | None:
    """Disable a schedule, or enable it from its next time on. None: there is no such schedule."""
    async with database.transaction() as connection:
        row = await connection.fetchrow(_LOCK, schedule_id, tenant_id)
        if row is None:
            return None
        before = _schedule(row)
        if before.enabled is enabled:
            return before
        timetable = Timetable.parse(before.cron, before.timezone)
        next_fire_at = _next_fire_at(timetable, row["now"], enabled=enabled)
        return _written_schedule(await connection.fetchrow(_SWITCH, schedule_id, enabled, next_fire_at))


def _next_fire_at(timetable: Timetable, now: datetime, *, enabled: bool) -> datetime | None:
    return timetable.after(now) if enabled else None


def _written_schedule(row: asyncpg.Record | None) -> Schedule:
    if row is None:
        raise RuntimeError("a statement that writes one row returned no row")
    return _schedule(row)


async def delete(database: Database, *, schedule_id: UUID, tenant_id: UUID) -> bool:
    """Remove a schedule; its jobs stay. False: there is none."""
    return await database.fetchval(_DELETE, schedule_id, tenant_id) is not None


@dataclass(frozen=True, slots=True)
class LastPicture:
    """What a new picture of a schedule is compared with, and how.

    Attributes:
        compare: what differences count.
        facts: the artifact of the last delivered picture, with its `fingerprint`; None: there is none yet.
        key: its key in S3; None: there is none yet.
    """

    compare: CompareOptions
    facts: ArtifactFacts | None
    key: str | None


async def last_picture(database: Database, schedule_id: UUID) -> LastPicture | None:
    """The picture that was delivered last. None: this schedule does not compare, or was deleted."""
    row = await database.fetchrow(_LAST_PICTURE, schedule_id)
    compare = None if row is None else _compare(row)
    if row is None or compare is None:
        return None
    facts = None if row["picture"] is None else ArtifactFacts.from_json(row["picture"])
    return LastPicture(compare, facts, row["picture_key"])


async def compare_options(database: Database, schedule_id: UUID) -> CompareOptions | None:
    """How the pictures of a schedule are compared. None: they are not, or it was deleted."""
    row = await database.fetchrow(_COMPARE, schedule_id)
    return None if row is None else _compare(row)
