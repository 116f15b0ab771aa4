"""Lists of a tenant's jobs, newest first, with filters. All SQL of it.

Each combination of filters is a statement of its own, so that Postgres plans it for its own index. After its
filter, every index goes on with the job's id, so a page is a range of one index and begins at the cursor. It
ends with the columns of other filters, so that jobs which do not match them are passed over without reading
their rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.job import JOB_COLUMNS, Job, State, job_from_row
from fleet.jobs.read import LAST_ID

_LIST: Final = """
    SELECT {columns} FROM jobs WHERE tenant_id = $1 AND id < $2{conditions} ORDER BY id DESC LIMIT $3
"""
_ONLY_ID: Final = "id"
_PLAN_FOR_VALUES: Final = "SET LOCAL plan_cache_mode = force_custom_plan"
# The indexes by host and by format have only ended jobs, so that a POST need not write them. Open jobs of a
# host have an index for each of their states. Those of a format are looked through, inside the index by
# state: a tenant has at most TENANT_MAX_QUEUED of them.
_ENDED: Final = " AND state NOT IN ('queued', 'running')"
_OPEN: Final = {state: f" AND state = '{state}'" for state in (State.QUEUED, State.RUNNING)}
_MERGED: Final = "SELECT * FROM ({parts}) AS jobs ORDER BY id DESC LIMIT $3"
# What was asked lately: the same names are asked for again.
_NAMES: Final = """
    SELECT DISTINCT host, external_id FROM (
        SELECT host, external_id FROM jobs WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2
    ) AS newest
"""
# These are no errors in the job's row: they follow from its state.
_STATE_OF_ERROR: Final = {ErrorType.CANCELLED: State.CANCELLED, ErrorType.EXPIRED: State.EXPIRED}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MOST_MILLISECONDS: Final = 2**48 - 1
_BITS_AFTER_TIME: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilters:
    """Which jobs are listed. None: not filtered by this.

    Attributes:
        host: of the page's address, as it is written there: lower case, in ASCII.
        since: accepted at this time or later, by the clock of the server that has accepted the job.
        until: accepted before this time.
    """

    state: State | None = None
    host: str | None = None
    external_id: str | None = None
    error_type: ErrorType | None = None
    format: str | None = None
    schedule_id: UUID | None = None
    is_quarantined: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def _columns(self) -> dict[str, object]:
        """The filters that compare a column with a value, but for the state."""
        error_type = None if self.error_type in _STATE_OF_ERROR else self.error_type
        columns = {
            "host": self.host,
            "format": self.format,
            "external_id": self.external_id,
            "error_type": error_type,
            "schedule_id": self.schedule_id,
        }
        return {column: value for column, value in columns.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RecentNames:
    """What the newest jobs of a tenant were about, sorted."""

    hosts: list[str]
    external_ids: list[str]


def list_statement(
    filters: JobFilters,
    *,
    tenant_id: UUID,
    before: UUID,
    limit: int,
    after: UUID | None = None,
    columns: str = JOB_COLUMNS,
) -> tuple[str, tuple[object, ...]]:
    """The statement that lists with these filters, and its arguments.

    Args:
        filters: which jobs.
        tenant_id: whose.
        before: jobs with smaller ids, so older ones.
        limit: how many.
        after: jobs with larger ids, so newer ones; None: of any age.
        columns: of the rows; the id is one of them.
    """
    compared = filters._columns  # noqa: SLF001 - of the same module
    values = list(compared.values())
    conditions = "".join(f" AND {column} = ${number}" for number, column in enumerate(compared, start=4))
    if filters.is_quarantined is not None:
        conditions += f" AND quarantined_at IS {'NOT ' if filters.is_quarantined else ''}NULL"
    if filters.error_type is not None:
        conditions += f" AND state = '{_STATE_OF_ERROR.get(filters.error_type, State.FAILED)}'"
    if filters.since is not None:
        values.append(_first_id_of(filters.since))
        conditions += f" AND id >= ${len(values) + 3}"
    if after is not None:
        values.append(after)
        conditions += f" AND id > ${len(values) + 3}"
    if filters.until is not None:
        before = min(before, _first_id_of(filters.until))
    if filters.state is not None:
        values.append(filters.state)
        conditions += f" AND state = ${len(values) + 3}"
    if filters.host is None and filters.format is None:
        statement = _LIST.format(columns=columns, conditions=conditions)
    else:
        statement = _merged(columns, conditions, filters)
    return statement, (tenant_id, before, limit, *values)


def _merged(columns: str, conditions: str, filters: JobFilters) -> str:
    """The list of ended and open jobs, each part from an index of its own. One part if only it can match."""
    groups = [_ENDED, *_OPEN.values()] if filters.state is None else [_OPEN.get(filters.state, _ENDED)]
    if filters.error_type is not None:
        groups = [_ENDED]
    parts = [f"({_LIST.format(columns=columns, conditions=conditions + group)})" for group in groups]
    return _MERGED.format(parts=" UNION ALL ".join(parts))


def _first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of this millisecond: its first 48 bits are the time (RFC 9562, section 5.7)."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    return UUID(int=min(max(0, milliseconds), _MOST_MILLISECONDS) << _BITS_AFTER_TIME)


async def list_newest(
    database: Database,
    *,
    tenant_id: UUID,
    filters: JobFilters = JobFilters(),
    before: UUID = LAST_ID,
    limit: int,
) -> list[Job]:
    """A page of this tenant's jobs, newest first, older than `before` (`LAST_ID` for the first page)."""
    statement, arguments = list_statement(filters, tenant_id=tenant_id, before=before, limit=limit)
    return [job_from_row(row) for row in await _fetch(database, filters, statement, arguments)]


async def _fetch(
    database: Database, filters: JobFilters, statement: str, arguments: Sequence[object]
) -> list[asyncpg.Record]:
    """The rows of a list.

    Of several filters the rarest must be the one by whose index Postgres goes, and it depends on their values
    which one that is; with one filter, whether it is rare enough for going by its index. From its sixth use
    on, a prepared statement may have one plan for all values: with a million jobs a format that no job has
    took 15 s instead of 0.04 s.
    """
    if filters == JobFilters():
        return await database.fetch(statement, *arguments)
    async with database.transaction() as connection:
        await connection.execute(_PLAN_FOR_VALUES)
        return await connection.fetch(statement, *arguments)


async def newest_ids(
    database: Database,
    *,
    tenant_id: UUID,
    filters: JobFilters,
    after: UUID | None = None,
    until: UUID = LAST_ID,
    limit: int,
) -> list[UUID]:
    """The ids of this tenant's newest jobs, newest first.

    Args:
        database: connections to Postgres.
        tenant_id: whose jobs.
        filters: which jobs.
        after: only those that are newer than this one; None: of any age.
        until: this one, and those that are older.
        limit: how many.
    """
    before = UUID(int=min(until.int + 1, LAST_ID.int))
    statement, arguments = list_statement(
        filters, tenant_id=tenant_id, before=before, limit=limit, after=after, columns=_ONLY_ID
    )
    return [row["id"] for row in await _fetch(database, filters, statement, arguments)]


async def recent_names(database: Database, *, tenant_id: UUID, jobs: int) -> RecentNames:
    """The hosts and external ids of this tenant's newest jobs, of so many."""
    rows = await database.fetch(_NAMES, tenant_id, jobs)
    hosts, external_ids = ({row[name] for row in rows} - {None} for name in ("host", "external_id"))
    return RecentNames(sorted(hosts), sorted(external_ids))
