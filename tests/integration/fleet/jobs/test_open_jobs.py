"""Counting the open jobs: anew for each reader while they are few, now and then when they are many."""

import asyncio
from uuid import UUID

from fleet.capacity.cached import CachedDemand
from fleet.database import Database
from fleet.workers import pause
from tests.kit.patience import PATIENCE_S

QUEUED = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
    SELECT gen_random_uuid(), $1, '{}', '\\x00', 3 FROM generate_series(1, $2::integer)
"""


async def test_few_jobs_are_counted_for_each_reader(database: Database, tenant_id: UUID) -> None:
    demand = CachedDemand(database, max_running=None, many=4)
    for queued in (2, 4):
        await database.execute(QUEUED, tenant_id, 2)
        assert (await demand.read()).queued == queued


async def test_many_jobs_are_counted_behind_the_reader(database: Database, tenant_id: UUID) -> None:
    demand = CachedDemand(database, max_running=None, many=4)
    await database.execute(QUEUED, tenant_id, 5)
    assert (await demand.read()).queued == 5
    await database.execute(QUEUED, tenant_id, 5)
    await pause.pause(database, reason=None)
    told = await demand.read()
    # What costs nothing to know is never old.
    assert (told.queued, told.is_paused) == (5, True)
    assert told.counted_s > 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (await demand.read()).queued == 10:
                break
            await asyncio.sleep(0.01)  # no event tells that a count has ended
    demand.cancel()
