"""Renders a month: whatever makes a job counts it once, in the transaction that accepts it."""

import asyncio
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.create import accept as acceptance
from fleet.jobs.create import accept_batch, retry
from fleet.jobs.create.accept_batch import BatchKey
from fleet.render.request import RenderRequest
from fleet.schedules import fire, schedule
from fleet.schedules.plan import ScheduleRefusal
from fleet.schedules.request import ScheduleRequest
from fleet.tenants import usage
from tests.kit.data.vaults import VAULT

REQUEST = RenderRequest.model_validate({"html": "<p>x</p>"})


async def accept(database: Database, tenant_id: UUID, key: str | None = None) -> UUID:
    accepted = await acceptance.accept(
        database, VAULT, tenant_id=tenant_id, request=REQUEST, idempotency_key=key
    )
    return accepted.job.id


async def count(database: Database, tenant_id: UUID) -> int:
    return (await usage.read(database, tenant_id)).accepted


async def scheduled(database: Database, tenant_id: UUID) -> None:
    wanted = ScheduleRequest.model_validate({"cron": "0 * * * *", "job": {"url": "https://example.com/"}})
    assert await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=wanted) is not None
    await database.execute("UPDATE schedules SET next_fire_at = date_trunc('hour', now())")


async def test_a_job_counts_once_however_often_it_is_asked_for(database: Database, tenant_id: UUID) -> None:
    assert await count(database, tenant_id) == 0
    await accept(database, tenant_id)
    for _ in range(2):
        await accept(database, tenant_id, "key")
    assert await count(database, tenant_id) == 2


async def test_items_of_a_batch_count_each_and_a_repeated_batch_does_not(
    database: Database, tenant_id: UUID
) -> None:
    key = BatchKey("k", b"digest")
    for _ in range(2):
        await accept_batch.accept_batch(
            database, VAULT, tenant_id=tenant_id, items=[REQUEST, {"type": "x"}, REQUEST], key=key
        )
    assert await count(database, tenant_id) == 2


async def test_a_job_run_anew_and_one_of_a_schedule_count(database: Database, tenant_id: UUID) -> None:
    request = RenderRequest.model_validate({"url": "https://example.com/"})
    [item] = (
        await accept_batch.accept_batch(database, VAULT, tenant_id=tenant_id, items=[request], key=None)
    ).jobs
    await database.execute("UPDATE jobs SET state = 'cancelled', finished_at = now()")
    original = await retry.find_original(database, job_id=item.id, tenant_id=tenant_id)
    assert original is not None
    await retry.accept_retry(database, VAULT, tenant_id=tenant_id, original=original, request=request)
    assert await count(database, tenant_id) == 2
    await scheduled(database, tenant_id)
    [fired] = await fire.fire_due(database, VAULT, AddressPolicy(), max_queued=0, limit=10)
    assert not isinstance(fired.result, ScheduleRefusal)
    assert await count(database, tenant_id) == 3


async def test_thirty_at_once_are_counted_without_waiting_for_one_row(
    database: Database, tenant_id: UUID
) -> None:
    await asyncio.gather(*(accept(database, tenant_id) for _ in range(30)))
    assert await count(database, tenant_id) == 30
    assert await database.fetchval("SELECT count(*) FROM tenant_months") > 1


async def test_what_is_not_committed_is_not_counted(database: Database, tenant_id: UUID) -> None:
    job_id = await accept(database, tenant_id)
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts) "
            "SELECT gen_random_uuid(), tenant_id, request, request_digest, 3 FROM jobs WHERE id = $1",
            job_id,
        )
        counted = "SELECT sum(accepted) FROM tenant_months"
        assert await connection.fetchval(counted) == 2
        await transaction.rollback()
    assert await count(database, tenant_id) == 1


async def test_last_months_jobs_do_not_count(database: Database, tenant_id: UUID) -> None:
    await accept(database, tenant_id)
    await database.execute("UPDATE tenant_months SET month = (month - interval '1 month')::date")
    await accept(database, tenant_id)
    month = await usage.read(database, tenant_id)
    assert month.accepted == 1
    # Give or take half an hour: the answer is the first hour of a month.
    moment = "now() AT TIME ZONE 'UTC' + make_interval(secs => $1, mins => 30)"
    assert await database.fetchval(
        f"SELECT date_trunc('hour', {moment}) = date_trunc('month', {moment})", month.left_s
    )


@pytest.mark.parametrize(("setting", "own"), [(1, None), (0, 1), (100, 1)])
async def test_a_schedule_makes_no_job_beyond_the_month(
    database: Database, tenant_id: UUID, setting: int, own: int | None
) -> None:
    await accept(database, tenant_id)
    await database.execute("UPDATE tenants SET max_renders_per_month = $1", own)
    await scheduled(database, tenant_id)
    [fired] = await fire.fire_due(
        database, VAULT, AddressPolicy(), max_queued=0, limit=10, max_renders_per_month=setting
    )
    assert isinstance(fired.result, ScheduleRefusal)
    assert fired.result.type is ErrorType.QUOTA_EXCEEDED
    assert "this month" in fired.result.detail
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_schedule_reaches_what_its_tenant_reaches(database: Database, tenant_id: UUID) -> None:
    wanted = {"cron": "0 * * * *", "job": {"url": "https://example.com/"}}
    await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=ScheduleRequest.model_validate(wanted))
    await database.execute("UPDATE schedules SET next_fire_at = date_trunc('hour', now())")
    await database.execute("UPDATE tenants SET egress_deny = '{*.example.org,example.com}'")
    [fired] = await fire.fire_due(database, VAULT, AddressPolicy(), max_queued=0, limit=10)
    assert isinstance(fired.result, ScheduleRefusal)
    assert fired.result.type is ErrorType.URL_BLOCKED
