"""A crash at each point of a job's way: whatever was done and not told, the job succeeds exactly once.

Nothing of the product is altered: wires are cut and silenced, processes killed, and a commit is held up by a
trigger in the test's own database.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

import httpx
import pytest

from fleet.database import Database
from fleet.jobs import listing
from fleet.jobs.job import Job, State
from fleet.queue.arq_adapter import QUEUE
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, api_process
from tests.kit.servers.tcp_forwarder import TcpForwarder, forwarded
from tests.kit.stages.stage import Stage

HTML: Final[dict[str, Any]] = {"html": "<p>x</p>"}

# A transaction that leaves a job in this state sleeps within its COMMIT, after everything was written.
SLOW_COMMIT = """
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = TG_ARGV[0] AND NEW.attempt = 1 THEN PERFORM pg_sleep(1); END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION dawdle('%s');
"""
SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
)


class Wired(NamedTuple):
    """A worker whose connections lead through wires."""

    process: ProductProcess
    postgres: TcpForwarder


@asynccontextmanager
async def wired_worker(stage: Stage) -> AsyncIterator[Wired]:
    async with (
        forwarded(stage.database_url) as (postgres, url),
        stage.worker("wired", DATABASE_URL=url) as process,
    ):
        yield Wired(process, postgres)


async def until(database: Database, condition: str, *arguments: object) -> None:
    """Wait until a query says true; rows of others are seen by looking."""
    async with asyncio.timeout(PATIENCE_S):
        while not await database.fetchval(condition, *arguments):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def succeeded_once(stage: Stage, job: Job, *, attempts: int) -> None:
    """It has ended well, and every attempt but the last one is written down as lost."""
    done = await stage.ended(job)
    assert (done.state, done.attempt) == (State.SUCCEEDED, attempts)
    assert await stage.outcomes(job) == [*["lost"] * (attempts - 1), "succeeded"]


async def the_only_job(stage: Stage) -> Job:
    [job] = await listing.list_newest(stage.database, tenant_id=stage.tenant_id, limit=10)
    return job


async def test_after_the_insert_before_the_dispatch(stage: Stage, tenant_key: str) -> None:
    """The API has committed the row and dies while it tells Redis."""
    async with AsyncExitStack() as stack:
        redis, url = await stack.enter_async_context(forwarded(stage.engines.redis_url))
        environment = stage.environment(REDIS_URL=url)
        log = stage.folder / "api.log"
        process, client = await stack.enter_async_context(api_process(environment, log, tenant_key))
        redis.stall()
        post = asyncio.create_task(client.post("/v1/jobs", json=HTML))
        await until(stage.database, "SELECT EXISTS (SELECT FROM jobs)")
        process.send(signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await post
        await redis.cut()
    assert await stage.redis.zcard(QUEUE) == 0
    async with stage.worker():
        await succeeded_once(stage, await the_only_job(stage), attempts=1)


async def test_after_the_dispatch_before_the_answer(stage: Stage, tenant_key: str) -> None:
    """The API dies with the answer in its hands; the caller asks again with the same key."""
    keyed = {"Idempotency-Key": "order-7"}
    async with AsyncExitStack() as stack:
        log = stage.folder / "api.log"
        process, client = await stack.enter_async_context(api_process(stage.environment(), log, tenant_key))
        waiting = {**keyed, "Prefer": "wait=30"}
        post = asyncio.create_task(client.post("/v1/jobs", json=HTML, headers=waiting))
        await until(stage.database, "SELECT EXISTS (SELECT FROM jobs)")
        async with asyncio.timeout(PATIENCE_S):
            while not await stage.redis.zcard(QUEUE):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.02)
        process.send(signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await post
    async with api_process(stage.environment(), stage.folder / "api-2.log", tenant_key) as (_, client):
        answer = await client.post("/v1/jobs", json=HTML, headers=keyed)
    assert answer.status_code == 202
    job = await the_only_job(stage)
    assert answer.json()["id"] == str(job.id)
    async with stage.worker():
        await succeeded_once(stage, job, attempts=1)


async def test_after_the_id_was_taken_before_the_claim(stage: Stage) -> None:
    """The worker has the id, which Redis has no more, and dies before it reaches Postgres."""
    async with wired_worker(stage) as wired:
        await wired.postgres.cut()
        job = await stage.enqueue(**HTML)
        await wired.process.logged("cannot claim")
        wired.process.send(signal.SIGKILL)
        await wired.process.ended()
    assert await stage.redis.zcard(QUEUE) == 0
    async with stage.worker("second"):
        await succeeded_once(stage, job, attempts=1)


async def test_in_the_commit_of_the_claim(stage: Stage) -> None:
    """The claim is committed, its answer is lost, and the worker that has the job does not know it."""
    await stage.database.execute(SLOW_COMMIT % "running")
    async with wired_worker(stage) as wired:
        job = await stage.enqueue(**HTML)
        await until(stage.database, SLEEPING)
        await wired.postgres.cut()
        await wired.process.logged("cannot claim")
        await wired.postgres.resume()
        await succeeded_once(stage, job, attempts=2)


async def test_after_the_upload_before_the_finish(stage: Stage) -> None:
    """The artifact is stored; the worker dies before it can say so."""
    async with wired_worker(stage) as wired:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        await wired.postgres.cut()
        stage.gate.open()
        await wired.process.logged("cannot record yet")
        wired.process.send(signal.SIGKILL)
        await wired.process.ended()
    stored = [path.name for path in stage.engines.s3.folder.rglob(f"{job.id}-*")]
    assert stored == [f"{job.id}-1.png"]
    async with stage.worker("second"):
        await succeeded_once(stage, job, attempts=2)


async def test_in_the_commit_of_the_finish(stage: Stage) -> None:
    """The commit goes through and its answer is lost: the worker asks again and recognises its own."""
    await stage.database.execute(SLOW_COMMIT % "succeeded")
    async with wired_worker(stage) as wired:
        job = await stage.enqueue(**HTML)
        await until(stage.database, SLEEPING)
        await wired.postgres.cut()
        await wired.process.logged("cannot record yet")
        await wired.postgres.resume()
        await wired.process.logged("job ended")
        assert [line for line in wired.process.lines() if "discarded" in line["event"]] == []
    await succeeded_once(stage, job, attempts=1)


async def test_postgres_dies_in_the_commit_of_the_finish(stage: Stage) -> None:
    """The commit is undone: the worker records again what it has."""
    await stage.database.execute(SLOW_COMMIT % "succeeded")
    async with stage.worker(LEASE_S="15") as process:
        job = await stage.enqueue(**HTML)
        await until(stage.database, SLEEPING)
        stage.engines.postgres.kill()
        await process.logged("cannot record yet")
        await asyncio.to_thread(stage.engines.postgres.start)
        await process.logged("job ended")
    await succeeded_once(stage, job, attempts=1)
