"""Each time of a schedule makes one job, however many look, and whatever dies in between."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.database import Database, DatabaseSettings
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs import listing
from fleet.jobs.job import Job
from fleet.queue.arq_adapter import QUEUE
from fleet.render.sealed import SealedRequest
from fleet.schedules import fire as firing
from fleet.schedules import schedule as schedules
from fleet.schedules.plan import Due, ScheduleRefusal, plan
from fleet.schedules.request import ScheduleRequest
from fleet.schedules.schedule import Schedule
from fleet.vault import Purpose, SecretOwner
from fleet.workers import pause
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.servers.tcp_forwarder import forwarded
from worker.maintenance.scheduler import Scheduler
from worker.maintenance.sweeper import Sweeper

HOURLY = {"cron": "@hourly", "job": {"html": "<p>x</p>"}}
STRICT = AddressPolicy()


async def scheduled(database: Database, tenant_id: UUID, **options: object) -> Schedule:
    """A schedule whose time has just come."""
    wanted = ScheduleRequest.model_validate(HOURLY | options)
    made = await schedules.create(database, VAULT, tenant_id=tenant_id, wanted=wanted)
    assert made is not None
    await come(database)
    return await read(database, tenant_id, made)


async def come(database: Database, ago: str = "1 second") -> None:
    """Let the next time of each schedule have come so long ago."""
    await database.execute("UPDATE schedules SET next_fire_at = now() - $1::text::interval", ago)


async def read(database: Database, tenant_id: UUID, schedule: Schedule) -> Schedule:
    found = await schedules.get(database, schedule_id=schedule.id, tenant_id=tenant_id)
    assert found is not None
    return found


async def jobs_of(database: Database, tenant_id: UUID) -> list[Job]:
    return await listing.list_newest(database, tenant_id=tenant_id, limit=1000)


async def in_line(redis: ArqRedis) -> set[str]:
    return {member.decode().partition(":")[0] for member in await redis.zrange(QUEUE, 0, -1)}


@pytest.fixture
def scheduler(database: Database, redis: ArqRedis) -> Scheduler:
    return Scheduler(database, VAULT, redis, STRICT, max_queued=0)


async def test_a_time_that_has_come_makes_a_job_and_puts_it_into_the_line(
    scheduler: Scheduler, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    schedule = await scheduled(database, tenant_id, job={"html": "<p>x</p>", "external_id": "mine"})
    wait_s = await scheduler.fire_due()
    [job] = await jobs_of(database, tenant_id)
    assert (job.schedule_id, job.scheduled_for, job.external_id) == (
        schedule.id,
        schedule.next_fire_at,
        "mine",
    )
    assert await in_line(redis) == {str(job.id)}
    after = await read(database, tenant_id, schedule)
    now = await database.fetchval("SELECT now()")
    assert (after.last_job_id, after.last_error_type) == (job.id, None)
    assert [fire.minute for fire in after.next_fires] == [0, 0, 0]
    assert timedelta(0) < after.next_fires[0] - now <= timedelta(hours=1)
    assert 0 < wait_s <= 2.0


async def test_ten_schedulers_at_once_fire_each_time_once_also_across_a_restart_of_postgres(
    engines: Engines, database_url: str, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    made = [await scheduled(database, tenant_id, name=str(number)) for number in range(30)]
    settings = DatabaseSettings(database_url=database_url, database_pool_size=2)
    pools = [await Database.open(settings, application="tests") for _ in range(10)]
    schedulers = [Scheduler(pool, VAULT, redis, STRICT, max_queued=0) for pool in pools]
    for seconds in (1, 2, 3):
        await come(database, f"{seconds} seconds")
        due = {(one.id, (await read(database, tenant_id, one)).next_fire_at) for one in made}
        await asyncio.gather(*(scheduler.fire_due() for scheduler in schedulers))
        assert fires(await jobs_of(database, tenant_id)) >= due
        if seconds == 2:
            engines.postgres.kill()
            await asyncio.to_thread(engines.postgres.start)
            await answers(database)
            await asyncio.gather(*(scheduler.fire_due() for scheduler in schedulers))
    found = await jobs_of(database, tenant_id)
    assert len(found) == len(fires(found)) == 3 * len(made)
    for pool in pools:
        pool.terminate()


def fires(found: list[Job]) -> set[tuple[UUID | None, datetime | None]]:
    return {(job.schedule_id, job.scheduled_for) for job in found}


async def answers(database: Database) -> None:
    """Wait until Postgres answers again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await pause.read(database)
            except UnavailableError:
                await asyncio.sleep(0.05)  # a server that starts tells nobody
            else:
                return


async def test_a_look_that_is_cut_off_in_the_middle_leaves_each_time_fired_or_due(
    database_url: str, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    made = [await scheduled(database, tenant_id, name=str(number)) for number in range(40)]
    async with forwarded(database_url) as (cable, url):
        through = await Database.open(DatabaseSettings(database_url=url), application="tests")
        scheduler = Scheduler(through, VAULT, redis, STRICT, max_queued=0)
        look = asyncio.create_task(scheduler.fire_due())
        while not await in_line(redis):  # noqa: ASYNC110 - the first are fired by then, the last are not
            await asyncio.sleep(0)
        await cable.cut()
        await look
        through.terminate()
    before = len(await jobs_of(database, tenant_id))
    assert 0 < before < len(made), "the cut came too early or too late to show anything"
    await Scheduler(database, VAULT, redis, STRICT, max_queued=0).fire_due()
    found = await jobs_of(database, tenant_id)
    assert {job.schedule_id for job in found} == {schedule.id for schedule in made}
    assert len(found) == len(made)


async def test_a_job_whose_scheduler_died_between_commit_and_redis_is_found_by_the_sweeper(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await scheduled(database, tenant_id)
    [fired] = await firing.fire_due(database, VAULT, STRICT, max_queued=0, limit=10)
    assert not isinstance(fired.result, ScheduleRefusal)
    assert await in_line(redis) == set()
    await database.execute("UPDATE jobs SET dispatched_at = dispatched_at - interval '3 seconds'")
    await Sweeper(database, redis, lease=timedelta(0), interval=timedelta(seconds=5)).sweep()
    assert await in_line(redis) == {str(fired.result.entry.job_id)}


async def test_without_redis_schedules_fire_and_the_sweeper_carries_over(
    engines: Engines, scheduler: Scheduler, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await scheduled(database, tenant_id)
    engines.redis.kill()
    await scheduler.fire_due()
    await asyncio.to_thread(engines.redis.start)
    [job] = await jobs_of(database, tenant_id)
    await Sweeper(database, redis, lease=timedelta(0), interval=timedelta(seconds=5)).sweep()
    assert await in_line(redis) == {str(job.id)}


async def test_without_postgres_a_look_is_only_put_off(
    database_url: str, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await scheduled(database, tenant_id)
    async with forwarded(database_url) as (cable, url):
        through = await Database.open(DatabaseSettings(database_url=url), application="tests")
        scheduler = Scheduler(through, VAULT, redis, STRICT, max_queued=0)
        await cable.cut()
        assert await scheduler.fire_due() > 0
        await cable.resume()
        await scheduler.fire_due()
        through.terminate()
    assert len(await jobs_of(database, tenant_id)) == 1


async def test_after_an_outage_one_job_stands_for_all_that_was_missed(
    scheduler: Scheduler, database: Database, tenant_id: UUID
) -> None:
    await scheduled(database, tenant_id)
    await come(database, "50 hours")
    await scheduler.fire_due()
    [job] = await jobs_of(database, tenant_id)
    now = await database.fetchval("SELECT now()")
    assert job.scheduled_for == now.replace(minute=0, second=0, microsecond=0)


async def test_a_clock_that_jumps_back_fires_no_time_again(
    scheduler: Scheduler, database: Database, tenant_id: UUID
) -> None:
    """The database's own: an owner who then disables and enables makes a time due that was fired before."""
    schedule = await scheduled(database, tenant_id)
    await scheduler.fire_due()
    await database.execute("UPDATE schedules SET next_fire_at = $1", schedule.next_fire_at)
    await scheduler.fire_due()
    assert len(await jobs_of(database, tenant_id)) == 1
    after = await read(database, tenant_id, schedule)
    assert after.next_fire_at > await database.fetchval("SELECT now()")
    assert after.last_job_id is not None


async def test_what_was_changed_or_disabled_meanwhile_is_not_fired_as_it_was(
    database: Database, tenant_id: UUID
) -> None:
    """The look and the fire are two statements; the owner's call may lie between them."""
    schedule = await scheduled(database, tenant_id)
    row = await database.fetchrow(firing._DUE, 1)  # noqa: SLF001 - a look that goes no further
    assert row is not None
    as_read = firing._due(row)  # noqa: SLF001
    wanted = ScheduleRequest.model_validate(HOURLY | {"job": {"html": "<p>another</p>"}})
    changed = await schedules.replace(
        database, VAULT, schedule_id=schedule.id, tenant_id=tenant_id, wanted=wanted
    )
    assert changed is not None
    assert changed.next_fire_at == schedule.next_fire_at, "the time that has come stays due"
    assert await firing._fire(database, VAULT, as_read, plan(as_read, STRICT, VAULT)) is None  # noqa: SLF001
    assert await jobs_of(database, tenant_id) == []
    await firing.fire_due(database, VAULT, STRICT, max_queued=0, limit=10)
    [job] = await database.fetch("SELECT id, request, secrets, content FROM jobs")
    owner = SecretOwner(Purpose.JOB, tenant_id, job["id"])
    # A worker of the previous release reads the first form, a retry the second.
    for parts in ((job["secrets"], None), (None, job["content"]), (job["secrets"], job["content"])):
        rendered = SealedRequest(job["request"], *parts).unseal(VAULT, owner)
        assert json.loads(rendered) == {"html": "<p>another</p>"}


async def test_two_that_look_before_and_after_the_full_hour_make_one_job(
    database: Database, tenant_id: UUID
) -> None:
    """They mean different times: the second one's would be another job but for the schedule's own row."""
    await scheduled(database, tenant_id)
    row = await database.fetchrow(firing._DUE, 1)  # noqa: SLF001 - a look that goes no further
    assert row is not None
    before = firing._due(row)  # noqa: SLF001
    after = replace(before, now=before.now + timedelta(hours=1))
    made = [
        await firing._fire(database, VAULT, due, plan(due, STRICT, VAULT))  # noqa: SLF001
        for due in (before, after)
    ]
    assert made[1] is None
    assert len(await jobs_of(database, tenant_id)) == 1


async def test_a_disabled_schedule_makes_no_job_and_an_enabled_one_makes_nothing_up(
    scheduler: Scheduler, database: Database, tenant_id: UUID
) -> None:
    schedule = await scheduled(database, tenant_id)
    ids = {"schedule_id": schedule.id, "tenant_id": tenant_id}
    await schedules.switch(database, **ids, enabled=False)
    await scheduler.fire_due()
    again = await schedules.switch(database, **ids, enabled=True)
    assert again is not None
    assert again.next_fire_at > await database.fetchval("SELECT now()")
    await scheduler.fire_due()
    assert await jobs_of(database, tenant_id) == []


async def test_a_template_that_is_refused_now_is_skipped_with_the_reason_and_tried_next_time(
    scheduler: Scheduler, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    schedule = await scheduled(database, tenant_id, job={"url": "https://example.com/"})
    closed = '{"url": "http://127.0.0.1:8099/"}'  # as if EGRESS_ALLOW had been taken back
    await database.execute("UPDATE schedules SET request = $1", closed)
    await scheduler.fire_due()
    refused = await read(database, tenant_id, schedule)
    assert await jobs_of(database, tenant_id) == []
    assert refused.last_error_type == ErrorType.URL_BLOCKED
    assert "EGRESS_ALLOW" in (refused.last_error_detail or "")
    assert refused.next_fire_at > await database.fetchval("SELECT now()")
    await come(database)
    opened = AddressPolicy(allow=((ip_network("127.0.0.1"), None),))
    await Scheduler(database, VAULT, redis, opened, max_queued=0).fire_due()
    assert len(await jobs_of(database, tenant_id)) == 1
    assert (await read(database, tenant_id, schedule)).last_error_type is None


async def test_a_template_with_a_blocked_address_and_another_error_is_blocked(
    scheduler: Scheduler, database: Database, tenant_id: UUID
) -> None:
    schedule = await scheduled(database, tenant_id, job={"url": "https://example.com/"})
    await database.execute(
        "UPDATE schedules SET request = $1", '{"url": "http://127.0.0.1/", "priority": 99}'
    )
    await scheduler.fire_due()
    refused = await read(database, tenant_id, schedule)
    assert refused.last_error_type == ErrorType.URL_BLOCKED
    assert all(field in (refused.last_error_detail or "") for field in ("url: ", "priority: "))


async def test_a_full_queue_skips_the_time_and_says_so(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    made = [await scheduled(database, tenant_id, name=str(number)) for number in range(3)]
    await Scheduler(database, VAULT, redis, STRICT, max_queued=2).fire_due()
    after = [await read(database, tenant_id, schedule) for schedule in made]
    assert len(await jobs_of(database, tenant_id)) == 2
    assert [one.last_error_type for one in after if one.last_job_id is None] == [ErrorType.QUOTA_EXCEEDED]


async def test_a_schedule_whose_times_cannot_be_read_is_disabled_and_stops_no_other(
    scheduler: Scheduler, database: Database, tenant_id: UUID
) -> None:
    broken = await scheduled(database, tenant_id, name="broken")
    await database.execute("UPDATE schedules SET timezone = 'Mars/Olympus' WHERE id = $1", broken.id)
    whole = await scheduled(database, tenant_id, name="whole")
    await scheduler.fire_due()
    assert [job.schedule_id for job in await jobs_of(database, tenant_id)] == [whole.id]
    after = await read(database, tenant_id, broken)
    assert (after.enabled, after.last_error_type) == (False, ErrorType.INTERNAL_ERROR)


def test_a_plan_knows_no_clock_but_the_one_it_is_given() -> None:
    now = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    due = Due(
        id=UUID(int=1),
        tenant_id=UUID(int=2),
        cron="*/10 * * * *",
        timezone="UTC",
        request=SealedRequest('{"html": "x"}', secrets=None),
        fire_at=now - timedelta(minutes=25),
        revision=1,
        now=now,
        max_queued=None,
    )
    planned = plan(due, STRICT, VAULT)
    assert planned.scheduled_for == datetime(2001, 2, 3, 4, 0, tzinfo=UTC)
    assert planned.next_fire_at == datetime(2001, 2, 3, 4, 10, tzinfo=UTC)
