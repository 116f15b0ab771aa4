"""A schedule that is run now, and the strip of its last jobs."""

from uuid import UUID, uuid4

from fleet.database import Database
from fleet.jobs.job import Job
from fleet.jobs.read import LAST_ID
from fleet.render.request import RenderRequest
from fleet.schedules import history, run_now
from fleet.schedules import schedule as schedules
from fleet.schedules.request import ScheduleRequest
from fleet.schedules.schedule import Schedule
from tests.kit.data.vaults import VAULT


async def scheduled(database: Database, tenant_id: UUID) -> Schedule:
    wanted = ScheduleRequest.model_validate({"cron": "@yearly", "job": {"html": "<p>x</p>"}})
    made = await schedules.create(database, VAULT, tenant_id=tenant_id, wanted=wanted)
    assert made is not None
    return made


async def run(database: Database, tenant_id: UUID, schedule: Schedule) -> Job | None:
    template = await run_now.find_template(database, schedule_id=schedule.id, tenant_id=tenant_id)
    assert template is not None
    return await run_now.run_now(
        database,
        VAULT,
        RenderRequest(html="<p>x</p>"),
        schedule_id=schedule.id,
        tenant_id=tenant_id,
        scheduled_for=template.now,
    )


async def end(database: Database, job: Job, distance: float) -> None:
    """As a worker ends a job whose picture has changed."""
    await database.execute(
        """UPDATE jobs SET state = 'succeeded', finished_at = now(), artifact_key = 'k', unchanged = false,
           artifact = '{"content_type": "image/png", "size_bytes": 1, "sha256": "ab", "width_px": 3,
           "height_px": 4}', comparison = jsonb_build_object('distance', $2::float8) WHERE id = $1""",
        job.id,
        distance,
    )


async def test_a_schedule_that_is_run_now_keeps_its_times_and_shows_its_new_job(
    database: Database, tenant_id: UUID
) -> None:
    schedule = await scheduled(database, tenant_id)
    first, second = [await run(database, tenant_id, schedule) for _ in range(2)]
    assert first is not None
    assert second is not None
    after = await schedules.get(database, schedule_id=schedule.id, tenant_id=tenant_id)
    assert after is not None
    assert (after.last_job_id, after.next_fire_at) == (second.id, schedule.next_fire_at)
    assert first.schedule_id == second.schedule_id == schedule.id
    assert first.scheduled_for is not None
    assert second.scheduled_for is not None
    assert first.scheduled_for < second.scheduled_for


async def test_a_schedule_that_is_gone_is_not_run(database: Database, tenant_id: UUID) -> None:
    schedule = await scheduled(database, tenant_id)
    assert await run_now.find_template(database, schedule_id=schedule.id, tenant_id=uuid4()) is None
    template = await run_now.find_template(database, schedule_id=schedule.id, tenant_id=tenant_id)
    assert template is not None
    await schedules.delete(database, schedule_id=schedule.id, tenant_id=tenant_id)
    made = await run_now.run_now(
        database,
        VAULT,
        RenderRequest(html="<p>x</p>"),
        schedule_id=schedule.id,
        tenant_id=tenant_id,
        scheduled_for=template.now,
    )
    assert made is None


async def test_the_strip_has_the_newest_jobs_of_each_schedule(database: Database, tenant_id: UUID) -> None:
    one, other, empty = [await scheduled(database, tenant_id) for _ in range(3)]
    jobs = [await run(database, tenant_id, one) for _ in range(3)]
    lone = await run(database, tenant_id, other)
    assert lone is not None
    newest = jobs[-1]
    assert newest is not None
    await end(database, newest, 0.25)
    ids = [one.id, other.id, empty.id]
    found = await history.last_jobs(database, ids, tenant_id=tenant_id, before=LAST_ID, limit=2)
    assert [job.id for job in found[one.id]] == [job.id for job in reversed(jobs[1:]) if job is not None]
    assert [job.id for job in found[other.id]] == [lone.id]
    assert found[empty.id] == []
    shown = found[one.id][0]
    assert (shown.distance, shown.unchanged, shown.sha256, shown.is_stored) == (0.25, False, "ab", True)
    assert (shown.width_px, shown.height_px) == (3, 4)
    assert not found[other.id][0].is_stored
    older = await history.last_jobs(database, ids, tenant_id=tenant_id, before=newest.id, limit=1)
    assert [job.id for job in older[one.id]] == [job.id for job in jobs[1:2] if job is not None]
    strangers = await history.last_jobs(database, ids, tenant_id=uuid4(), before=LAST_ID, limit=2)
    assert not any(strangers.values())
