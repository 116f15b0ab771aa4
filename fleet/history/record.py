"""Counts jobs that have ended, minute by minute, and notes the state of the fleet. All SQL that writes it.

Nothing is counted while a job ends. Once a minute is over, one worker counts it, in one statement, from the
rows of `jobs`. It moves `counted_until` in the same transaction: so each minute is counted exactly once,
however many workers there are and whichever of them dies. If no worker ran for a while, the minutes that
were missed are counted later.

A job's `finished_at` is the time at which the transaction that ended it began, so a minute is counted only
`settling` after its end. What is lost: a job whose end took longer than that to commit; a job that was
deleted before its minute was counted, because no worker had run for JOB_HISTORY_S; what ended while the clock
of the database was put back. Nothing is counted twice.

The state of the fleet is what the first worker that looks finds in each minute: a sample. While no worker
runs there are none.
"""

from datetime import datetime, timedelta
from typing import Final

from fleet.database import Database
from fleet.duration_buckets import bucket_sql
from fleet.workers.registry import PRESENT

KEPT: Final = timedelta(days=30)
# So many minutes are counted in one statement: with 1,000 jobs a second, 300,000 rows.
_AT_ONCE: Final = timedelta(minutes=5)
_DELETED_AT_ONCE: Final = 10_000

# Another worker that counts now has the row locked.
_PROGRESS: Final = """
    SELECT greatest(counted_until, date_trunc('minute', now() - $2::interval)) AS start,
           least(greatest(counted_until, date_trunc('minute', now() - $2::interval)) + $3::interval,
                 date_trunc('minute', now() - $1::interval)) AS until
    FROM history_progress
    WHERE counted_until < date_trunc('minute', now() - $1::interval) FOR UPDATE SKIP LOCKED
"""
_DURATIONS: Final = ("total", "queued")
_BUCKETS: Final = ", ".join(
    bucket_sql(f"(timings_ms ->> '{name}')::double precision") + f" AS {name}" for name in _DURATIONS
)


def _histogram(name: str) -> str:
    """SQL for the buckets of one kind of duration, of each group of ended jobs."""
    return f"""
        SELECT tenant_id, minute, state, error_type, jsonb_object_agg({name}, jobs) AS {name}
        FROM (SELECT tenant_id, minute, state, error_type, {name}, count(*) AS jobs FROM ended
              WHERE {name} IS NOT NULL GROUP BY GROUPING SETS (
                  (tenant_id, minute, state, error_type, {name}), (minute, state, error_type, {name})
              )) AS buckets
        GROUP BY tenant_id, minute, state, error_type
    """


def _same_group(name: str) -> str:
    return (
        f"{name}.tenant_id IS NOT DISTINCT FROM groups.tenant_id AND {name}.minute = groups.minute "
        f"AND {name}.state = groups.state AND {name}.error_type = groups.error_type"
    )


# The rows without a tenant are those of all tenants together.
_COUNT: Final = f"""
    WITH ended AS MATERIALIZED (
        SELECT tenant_id, date_trunc('minute', finished_at) AS minute, state,
               coalesce(error_type, '') AS error_type, {_BUCKETS}
        FROM jobs WHERE finished_at >= $1 AND finished_at < $2
    ), groups AS (
        SELECT tenant_id, minute, state, error_type, count(*) AS jobs FROM ended
        GROUP BY GROUPING SETS ((tenant_id, minute, state, error_type), (minute, state, error_type))
    ), total AS ({_histogram("total")}), queued AS ({_histogram("queued")})
    INSERT INTO history_minutes (tenant_id, minute, state, error_type, jobs, total, queued)
    SELECT groups.tenant_id, groups.minute, groups.state, groups.error_type, groups.jobs,
           coalesce(total.total, '{{}}'), coalesce(queued.queued, '{{}}')
    FROM groups LEFT JOIN total ON {_same_group("total")} LEFT JOIN queued ON {_same_group("queued")}
"""
_ADVANCE: Final = "UPDATE history_progress SET counted_until = $1"

# The counts are made only by the worker that finds no sample of this minute. A job waits from the moment on
# when nothing but a slot is missing, as in `fleet/capacity`.
_SAMPLE: Final = f"""
    INSERT INTO history_fleet (minute, queued, oldest_queued_s, running, workers, slots, memory_bytes)
    SELECT date_trunc('minute', now()), (SELECT count(*) FROM jobs WHERE state = 'queued'),
           coalesce((SELECT extract(epoch FROM now() - min(greatest(queued_at, run_after))) FROM jobs
                     WHERE state = 'queued' AND run_after <= now() AND NOT parked), 0),
           (SELECT count(*) FROM jobs WHERE state = 'running'), there.workers, there.slots, there.memory
    FROM (SELECT count(*) AS workers, coalesce(sum(slots), 0) AS slots,
                 coalesce(jsonb_object_agg(id, bytes) FILTER (WHERE bytes IS NOT NULL), '{{}}') AS memory
          FROM (SELECT id, slots, coalesce((vitals #>> '{{memory,pss_bytes}}')::bigint,
                                           (vitals #>> '{{memory,rss_bytes}}')::bigint) AS bytes
                FROM workers WHERE {PRESENT}) AS present) AS there
    WHERE NOT EXISTS (SELECT FROM history_fleet WHERE minute = date_trunc('minute', now()))
    ON CONFLICT DO NOTHING
"""
_HOUR_DUE: Final = """
    SELECT summed_until FROM history_progress WHERE summed_until <= counted_until - interval '1 h'
    FOR UPDATE SKIP LOCKED
"""


def _summed(name: str) -> str:
    """SQL for the buckets of one kind of duration, of each group of an hour."""
    return f"""
        SELECT tenant_id, state, error_type, jsonb_object_agg(key, jobs) AS {name}
        FROM (SELECT tenant_id, state, error_type, key, sum(value::bigint) AS jobs
              FROM hour, jsonb_each_text({name}) GROUP BY tenant_id, state, error_type, key) AS buckets
        GROUP BY tenant_id, state, error_type
    """


def _same_group_of_hour(name: str) -> str:
    return (
        f"{name}.tenant_id IS NOT DISTINCT FROM groups.tenant_id AND {name}.state = groups.state "
        f"AND {name}.error_type = groups.error_type"
    )


_SUM: Final = f"""
    WITH hour AS MATERIALIZED (
        SELECT * FROM history_minutes WHERE minute >= $1 AND minute < $1 + interval '1 h'
    ), groups AS (
        SELECT tenant_id, state, error_type, sum(jobs) AS jobs FROM hour GROUP BY 1, 2, 3
    ), total AS ({_summed("total")}), queued AS ({_summed("queued")})
    INSERT INTO history_hours (tenant_id, minute, state, error_type, jobs, total, queued)
    SELECT groups.tenant_id, $1, groups.state, groups.error_type, groups.jobs,
           coalesce(total.total, '{{}}'), coalesce(queued.queued, '{{}}')
    FROM groups LEFT JOIN total ON {_same_group_of_hour("total")}
         LEFT JOIN queued ON {_same_group_of_hour("queued")}
"""
_ADVANCE_HOURS: Final = "UPDATE history_progress SET summed_until = $1::timestamptz + interval '1 h'"
_FORGET: Final = """
    WITH old AS (
        SELECT ctid FROM {table} WHERE minute < now() - $1::interval
        ORDER BY minute LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM {table} USING old WHERE {table}.ctid = old.ctid RETURNING 1
    )
    SELECT count(*) FROM gone
"""
_FORGET_SAMPLES: Final = "DELETE FROM history_fleet WHERE minute < now() - $1::interval"


async def count_ended(database: Database, *, settling: timedelta) -> datetime | None:
    """Count the next minutes that are over. None: there are none, or another worker counts them now.

    Args:
        database: connections to Postgres.
        settling: so long after its end a minute is counted.

    Returns:
        Until when all is counted. There may be more: call again.

    Raises:
        UnavailableError: Postgres does not answer. Call again later.
    """
    async with database.transaction() as connection:
        due = await connection.fetchrow(_PROGRESS, settling, KEPT, _AT_ONCE)
        if due is None:
            return None
        until: datetime = due["until"]
        await connection.execute(_COUNT, due["start"], until)
        await connection.execute(_ADVANCE, until)
    return until


async def sum_hour(database: Database) -> bool:
    """Add the minutes of the next whole hour up. False: there is none, or another worker does it now.

    Raises:
        UnavailableError: Postgres does not answer. Call again later; the minutes can be read meanwhile.
    """
    async with database.transaction() as connection:
        hour = await connection.fetchval(_HOUR_DUE)
        if hour is None:
            return False
        await connection.execute(_SUM, hour)
        await connection.execute(_ADVANCE_HOURS, hour)
    return True


async def sample_fleet(database: Database) -> None:
    """Note the state of the fleet, unless it was noted in this minute."""
    await database.execute(_SAMPLE)


async def forget_old(database: Database) -> None:
    """Delete what is older than `KEPT`."""
    await database.execute(_FORGET_SAMPLES, KEPT)
    for table in ("history_minutes", "history_hours"):
        deleted = _DELETED_AT_ONCE
        while deleted == _DELETED_AT_ONCE:
            statement = _FORGET.format(table=table)
            deleted = int(await database.fetchval(statement, KEPT, _DELETED_AT_ONCE))
