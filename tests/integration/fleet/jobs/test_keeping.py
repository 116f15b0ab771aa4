"""A file that is stored beside an artifact is never left behind by whoever erases that."""

import asyncio
from datetime import timedelta

import pytest

from fleet.artifacts.keys import thumbnail_key
from fleet.jobs.erase import erase_artifact
from fleet.jobs.files.keeping import keep_beside_artifact
from tests.integration.fleet.jobs.past import Past
from worker.maintenance.eraser import Eraser


async def test_erasing_waits_for_what_is_being_stored_and_erases_it(past: Past) -> None:
    job, key = await past.succeeded()
    small = thumbnail_key(key, 320)
    await past.erasable(job)
    is_storing, may_end = asyncio.Event(), asyncio.Event()

    async def store() -> None:
        is_storing.set()
        await may_end.wait()
        await past.artifacts.put(small, b"small")

    keeping = asyncio.create_task(keep_beside_artifact(past.database, job_id=job.id, store=store))
    await is_storing.wait()
    await Eraser(past.database, past.artifacts, history=timedelta(days=30)).erase()
    assert not await past.is_erased(job), "it comes back later"
    erasing = asyncio.create_task(
        erase_artifact(
            past.database,
            job_id=job.id,
            tenant_id=job.tenant_id,
            may_erase=lambda _: None,
            delete=past.artifacts.delete_many,
        )
    )
    may_end.set()
    assert await keeping
    await erasing
    assert await past.is_erased(job)
    assert not any((past.engines.s3.folder / "renderfleet" / gone).exists() for gone in (key, small))


async def test_nothing_is_stored_beside_what_is_erased(past: Past) -> None:
    job, _ = await past.succeeded()
    await past.erasable(job)
    await Eraser(past.database, past.artifacts, history=timedelta(days=30)).erase()

    async def store() -> None:
        pytest.fail("it is erased")

    assert not await keep_beside_artifact(past.database, job_id=job.id, store=store)
