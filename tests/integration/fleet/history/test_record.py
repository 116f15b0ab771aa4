"""Each minute is counted exactly once, whoever counts and whoever dies, and nothing is kept for ever."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from fleet.database import Database, DatabaseSettings
from fleet.errors import ErrorType
from fleet.history import read, record
from fleet.history.read import EndedJobs, Period
from fleet.jobs.job import State
from fleet.tenants.api_keys import create_key
from fleet.workers import registry
from fleet.workers.registry import WorkerReport
from fleet.workers.vitals import MemoryVitals, Vitals
from tests.kit.data.tenants import find_tenant

MINUTE = timedelta(minutes=1)
NO_TIME = timedelta()
# A whole hour, some time ago.
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
SPAN = Period(HOUR, HOUR + timedelta(hours=1), MINUTE)
END = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, error_type, finished_at,
                      artifact_key, timings_ms)
    VALUES ($1, $2, '{}', '\\x00', 3, $3, $4, $5, CASE $3 WHEN 'succeeded' THEN 'k' END, $6)
"""


async def ended(
    database: Database,
    tenant_id: UUID,
    at: datetime,
    *,
    state: State = State.SUCCEEDED,
    error: ErrorType | None = None,
    total_ms: float | None = None,
) -> None:
    """A job that ended at this time."""
    timings = None if total_ms is None else json.dumps({"queued": total_ms / 10, "total": total_ms})
    await database.execute(END, uuid4(), tenant_id, state, error, at, timings)


@pytest.fixture
async def other_id(database: Database) -> UUID:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="other", key_name="x", scopes=frozenset())
    found = await find_tenant(database, key)
    assert found is not None
    return found.id


@pytest.fixture(autouse=True)
async def counted_before(database: Database) -> None:
    """Everything before the hour was counted long ago."""
    await database.execute("UPDATE history_progress SET counted_until = $1, summed_until = $1", HOUR)


async def count_all(database: Database) -> None:
    while await record.count_ended(database, settling=NO_TIME) is not None:
        pass


async def jobs_of(database: Database, tenant_id: UUID | None) -> dict[int, EndedJobs]:
    """What ended in the hour, by its minute, without the minutes in which nothing did."""
    found = await read.ended_jobs(database, SPAN, tenant_id=tenant_id)
    assert len(found) == 60
    return {(one.at - HOUR) // MINUTE: one for one in found if sum(one.states.values())}


async def test_each_tenant_has_its_own_jobs_and_all_have_those_of_all(
    database: Database, tenant_id: UUID, other_id: UUID
) -> None:
    await ended(database, tenant_id, HOUR + 2 * MINUTE)
    await ended(database, tenant_id, HOUR + 3 * MINUTE - timedelta(microseconds=1))
    await ended(database, tenant_id, HOUR + 3 * MINUTE, state=State.FAILED, error=ErrorType.TLS_ERROR)
    await ended(database, other_id, HOUR + 3 * MINUTE, state=State.FAILED, error=ErrorType.PDF_FAILED)
    await ended(database, other_id, HOUR + 3 * MINUTE, state=State.CANCELLED)
    await count_all(database)
    own = await jobs_of(database, tenant_id)
    assert {minute: (one.states[State.SUCCEEDED], one.errors) for minute, one in own.items()} == {
        2: (2, {}),
        3: (0, {"tls_error": 1}),
    }
    all_ = await jobs_of(database, None)
    assert all_[3].errors == {"tls_error": 1, "pdf_failed": 1}
    assert (all_[3].states[State.CANCELLED], all_[3].states[State.FAILED]) == (1, 2)
    assert all_[2].states[State.SUCCEEDED] == 2


async def test_workers_that_count_together_and_die_on_the_way_count_each_job_once(
    database: Database, database_settings: DatabaseSettings, tenant_id: UUID
) -> None:
    minutes = [number * number % 60 for number in range(200)]
    for minute in minutes:
        await ended(database, tenant_id, HOUR + minute * MINUTE)
    workers = [await Database.open(database_settings, application=f"worker-{number}") for number in range(4)]
    for is_killed in itertools.cycle((True, False)):
        counting = [asyncio.create_task(record.count_ended(worker, settling=NO_TIME)) for worker in workers]
        if is_killed:
            await asyncio.wait(counting, return_when=asyncio.FIRST_COMPLETED)
            for task in counting:
                task.cancel()  # in the middle of its transaction, which is undone
        ends = await asyncio.gather(*counting, return_exceptions=True)
        assert not [end for end in ends if isinstance(end, Exception)], "this would end a worker"
        if await read.counted_until(database) >= HOUR + timedelta(hours=1):
            break
    for worker in workers:
        worker.terminate()
    await count_all(database)
    own = await jobs_of(database, tenant_id)
    assert {minute: sum(one.states.values()) for minute, one in own.items()} == {
        minute: minutes.count(minute) for minute in sorted(set(minutes))
    }


async def test_a_minute_is_counted_only_when_its_jobs_have_settled(
    database: Database, tenant_id: UUID
) -> None:
    now = datetime.now(UTC)
    await database.execute("UPDATE history_progress SET counted_until = $1", now - timedelta(minutes=10))
    await ended(database, tenant_id, now - timedelta(minutes=4))
    while await record.count_ended(database, settling=timedelta(minutes=5)) is not None:
        pass
    assert await read.counted_until(database) <= now - timedelta(minutes=4)
    # One that began to end before and is committed only now.
    await ended(database, tenant_id, now - timedelta(minutes=4))
    await count_all(database)
    # Of this test, not of the file's beginning: an hour may have begun since.
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    span = Period(start, start + timedelta(hours=2), timedelta(hours=2))
    (counted,) = await read.ended_jobs(database, span, tenant_id=tenant_id)
    assert counted.states[State.SUCCEEDED] == 2


async def test_percentiles_of_many_minutes_are_those_of_all_their_jobs(
    database: Database, tenant_id: UUID
) -> None:
    taken = [20 * 3000 ** (number * 37 % 400 / 400) for number in range(400)]
    for number, total_ms in enumerate(taken):
        await ended(database, tenant_id, HOUR + (number % 60) * MINUTE, total_ms=total_ms)
    failed = {"state": State.FAILED, "error": ErrorType.NAVIGATION_TIMEOUT, "total_ms": 1e6}
    await ended(database, tenant_id, HOUR, **failed)  # type: ignore[arg-type] # a dictionary of arguments
    await count_all(database)
    whole = Period(HOUR, HOUR + timedelta(hours=1), timedelta(hours=1))
    (found,) = await read.ended_jobs(database, whole, tenant_id=tenant_id)
    in_order = sorted(taken)
    assert found.total_ms.p50 == pytest.approx(in_order[199], rel=0.092)
    assert found.total_ms.p95 == pytest.approx(in_order[379], rel=0.092)
    assert found.queued_ms.p50 == pytest.approx(in_order[200] / 10, rel=0.11)  # with the one that failed


async def test_whole_hours_say_the_same_as_their_minutes(
    database: Database, tenant_id: UUID, other_id: UUID
) -> None:
    for number in range(120):
        await ended(database, tenant_id, HOUR + number * MINUTE, total_ms=20 * 1.05**number)
        await ended(database, other_id, HOUR + number * MINUTE, state=State.FAILED, error=ErrorType.TLS_ERROR)
    await count_all(database)
    period = Period(HOUR, HOUR + timedelta(minutes=150), timedelta(hours=1))
    by_minutes = [await read.ended_jobs(database, period, tenant_id=one) for one in (tenant_id, None)]
    assert [sum(one.states.values()) for one in by_minutes[0]] == [60, 60, 0]
    assert [sum(one.states.values()) for one in by_minutes[1]] == [120, 120, 0]
    while await record.sum_hour(database):
        pass
    await database.execute("DELETE FROM history_minutes WHERE minute < $1", HOUR + timedelta(hours=1))
    by_hours = [await read.ended_jobs(database, period, tenant_id=one) for one in (tenant_id, None)]
    assert by_hours == by_minutes
    within = Period(HOUR + 30 * MINUTE, HOUR + timedelta(hours=1), MINUTE)
    assert not sum(
        sum(one.states.values()) for one in await read.ended_jobs(database, within, tenant_id=None)
    )


@pytest.mark.parametrize(
    ("length", "step", "points"),
    [
        (timedelta(hours=6), MINUTE, 360),
        (timedelta(hours=7), 2 * MINUTE, 210),
        (timedelta(days=7), timedelta(hours=1), 169),
        (timedelta(days=30), timedelta(hours=2), 361),
    ],
)
def test_long_times_are_told_in_whole_hours(length: timedelta, step: timedelta, points: int) -> None:
    until = HOUR + 7 * MINUTE
    period = Period.of(until - length, until, points=360)
    assert (period.step, len(period.points), period.until) == (step, points, until)


def worker(slots: int, memory_bytes: int | None) -> WorkerReport:
    memory = None if memory_bytes is None else MemoryVitals(pss_bytes=memory_bytes)
    return WorkerReport(uuid4(), "host", 1, slots, 0, 1, None, Vitals(memory=memory))


async def test_the_state_of_the_fleet_is_noted_once_a_minute(database: Database, tenant_id: UUID) -> None:
    large, unmeasured = worker(4, 500_000_000), worker(2, None)
    for one in (large, unmeasured):
        await registry.report(database, one)
    # One waits for a slot; one for its time, and one until fewer jobs of its tenant run.
    for waited, later, parked in (("90 s", "-90 s", False), ("1 h", "1 day", False), ("1 h", "-1 h", True)):
        await database.execute(
            "INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, queued_at, run_after, "
            "parked) VALUES ($1, $2, '{}', '\\x00', 3, now() - $3::text::interval, "
            "now() + $4::text::interval, $5)",
            uuid4(),
            tenant_id,
            waited,
            later,
            parked,
        )
    await asyncio.gather(*(record.sample_fleet(database) for _ in range(8)))
    rows = await database.fetch("SELECT minute FROM history_fleet")
    assert 1 <= len(rows) <= 2  # two if the minute ended meanwhile
    span = Period(rows[0]["minute"], rows[0]["minute"] + timedelta(minutes=2), timedelta(minutes=2))
    (sample,) = await read.fleet_samples(database, span)
    assert (sample.queued, sample.running, sample.workers, sample.slots) == (3, 0, 2, 6)
    assert 90 <= sample.oldest_queued_s < 600
    assert sample.memory_bytes == {large.id: 500_000_000}


async def test_what_is_older_than_thirty_days_goes(database: Database, tenant_id: UUID) -> None:
    await ended(database, tenant_id, HOUR)
    await count_all(database)
    await record.sample_fleet(database)
    await database.execute("UPDATE history_minutes SET minute = minute - interval '29 days'")
    while await record.sum_hour(database):
        pass
    await record.forget_old(database)
    assert await database.fetchval("SELECT count(*) FROM history_minutes") == 2  # its own, and that of all
    tables = ("history_minutes", "history_hours", "history_fleet")
    for table in tables:
        await database.execute(f"UPDATE {table} SET minute = minute - interval '31 days'")  # noqa: S608
    await record.forget_old(database)
    for table in tables:
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
