"""arq's worker with a doorbell, on a real Redis: what is sent is run, also across a restart of Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.queue import arq_adapter, dispatch
from fleet.queue.arq_adapter import CarrierWorker
from fleet.queue.entry import QueuedJob, QueueEntry
from tests.kit.patience import PATIENCE_S

Work = Callable[[dict[str, Any]], Awaitable[None]]


TENANT = UUID(int=1)
STOP_S = 15.0


def new_job(number: int = 1) -> QueuedJob:
    return QueuedJob(QueueEntry(UUID(int=uuid_utils.uuid7().int), number), TENANT)


class Recorder:
    """Work that notes what it was given and, if told, waits."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.most_at_once = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._running = 0
        self._changed = asyncio.Condition()

    async def run(self, ctx: dict[str, Any]) -> None:
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        self.ran.append(ctx["job_id"])
        async with self._changed:
            self._changed.notify_all()
        try:
            await self.may_end.wait()
        finally:
            self._running -= 1

    async def has_run(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.ran) >= count)


async def nothing(_ctx: dict[Any, Any]) -> None:
    """Neither start nor stop needs anything here."""


class Deaf(CarrierWorker):
    """Keeps a cancellation to itself, as redis-py did now and then."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.listens = asyncio.Event()

    async def _wait_for_bell(self) -> None:
        self.listens.set()
        with suppress(asyncio.CancelledError):
            await super()._wait_for_bell()


@asynccontextmanager
async def running(
    redis_url: str, work: Work, *, slots: int = 2, kind: type[CarrierWorker] = CarrierWorker
) -> AsyncIterator[CarrierWorker]:
    worker = kind(
        work,
        redis=arq_adapter.connect(redis_url, timeout_s=2),
        max_jobs=slots,
        shutdown_grace_s=5,
        on_startup=nothing,
        on_shutdown=nothing,
    )
    task = asyncio.create_task(worker.async_run())
    try:
        yield worker
    finally:
        worker.drain()
        stopped, _ = await asyncio.wait((task,), timeout=STOP_S)
        assert stopped, "the worker goes on"
        await worker.close()


async def test_what_is_sent_is_run_in_order_of_acceptance(engines: Engines, redis: ArqRedis) -> None:
    work = Recorder()
    jobs = [new_job() for _ in range(5)]
    for sent in jobs:
        await dispatch.dispatch(redis, [sent])
    async with running(engines.redis_url, work.run, slots=1):
        await work.has_run(5)
    assert work.ran == [sent.entry.id for sent in jobs]
    assert await redis.keys("arq:*") == []


async def test_never_more_at_once_than_slots_and_a_freed_slot_takes_the_next(
    engines: Engines, redis: ArqRedis
) -> None:
    work = Recorder()
    work.may_end.clear()
    async with running(engines.redis_url, work.run, slots=3):
        await dispatch.dispatch(redis, [new_job() for _ in range(7)])
        await work.has_run(3)
        work.may_end.set()
        await work.has_run(7)
    assert work.most_at_once == 3


async def test_of_three_slots_only_as_many_are_used_as_are_allowed(engines: Engines, redis: ArqRedis) -> None:
    work = Recorder()
    work.may_end.clear()
    async with running(engines.redis_url, work.run, slots=3) as worker:
        worker.allow(2, "another reason")
        worker.allow(1, "a reason")
        await dispatch.dispatch(redis, [new_job() for _ in range(6)])
        await work.has_run(1)
        work.may_end.set()
        await work.has_run(3)
        assert work.most_at_once == 1
        work.may_end.clear()
        await work.has_run(4)
        worker.allow(3, "a reason")
        worker.allow(3, "another reason")  # noticed at once, while the only one still runs
        await work.has_run(6)
        assert work.most_at_once == 3
        work.may_end.set()


async def test_why_no_job_is_taken_can_be_asked(engines: Engines, redis: ArqRedis) -> None:
    work = Recorder()
    async with running(engines.redis_url, work.run) as worker:
        worker.hold("a")
        worker.hold("b")
        assert (worker.holds, worker.running) == (["a", "b"], 0)
        worker.release("a")
        await dispatch.dispatch(redis, [new_job()])
        worker.release("b")
        await work.has_run(1)
        assert worker.holds == []
    assert worker.holds == ["the worker is stopping"]


async def test_every_one_of_150_slots_runs(engines: Engines, redis: ArqRedis) -> None:
    """Stock arq looks at the first hundred ids and leaves the other slots empty."""
    work = Recorder()
    work.may_end.clear()
    await dispatch.dispatch(redis, [new_job() for _ in range(400)])
    async with running(engines.redis_url, work.run, slots=150):
        await work.has_run(150)
        assert await redis.zcard(arq_adapter.QUEUE) == 250
        work.may_end.set()
        await work.has_run(400)
    assert work.most_at_once == 150


async def test_an_id_that_was_run_before_is_run_again(engines: Engines, redis: ArqRedis) -> None:
    """The sweeper may send one twice; the claim in Postgres decides, not a counter of tries in Redis."""
    work = Recorder()
    job = new_job()
    async with running(engines.redis_url, work.run):
        for times in range(1, 4):
            await dispatch.dispatch(redis, [job])
            await work.has_run(times)
            # arq removes its keys after the work has returned, and Redis tells nobody.
            while await redis.keys("arq:*"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_id_that_was_cancelled_before_is_run_again(engines: Engines, redis: ArqRedis) -> None:
    """A stopping worker leaves arq's counter of tries in Redis; it must not swallow the next entry."""
    job = new_job()
    for _ in range(2):
        work = Recorder()
        work.may_end.clear()
        async with running(engines.redis_url, work.run) as worker:
            await dispatch.dispatch(redis, [job])
            await work.has_run(1)
            worker.drain()


async def test_a_second_copy_of_what_runs_is_dropped(engines: Engines, redis: ArqRedis) -> None:
    work = Recorder()
    work.may_end.clear()
    first, second = new_job(), new_job()
    async with running(engines.redis_url, work.run):
        await dispatch.dispatch(redis, [first])
        await work.has_run(1)
        await dispatch.dispatch(redis, [first, second])
        await work.has_run(2)
        work.may_end.set()
    assert work.ran == [first.entry.id, second.entry.id]


async def test_a_restart_of_redis_ends_neither_the_worker_nor_the_work(
    engines: Engines, redis: ArqRedis
) -> None:
    work = Recorder()
    work.may_end.clear()
    async with running(engines.redis_url, work.run):
        await dispatch.dispatch(redis, [new_job()])
        await work.has_run(1)
        engines.redis.kill()
        assert not await dispatch.dispatch(redis, [new_job()])
        work.may_end.set()
        await asyncio.to_thread(engines.redis.start)
        assert await dispatch.dispatch(redis, [new_job()])
        await work.has_run(2)


async def test_a_worker_stops_though_its_cancellation_gets_lost(engines: Engines) -> None:
    async with running(engines.redis_url, Recorder().run, kind=Deaf) as worker:
        assert isinstance(worker, Deaf)
        await worker.listens.wait()


async def test_a_second_stop_cancels_what_the_first_would_have_waited_for(
    engines: Engines, redis: ArqRedis
) -> None:
    work = Recorder()
    work.may_end.clear()
    async with running(engines.redis_url, work.run) as worker:
        await dispatch.dispatch(redis, [new_job()])
        await work.has_run(1)
        worker.drain()
    assert not work.may_end.is_set()


async def test_missing_names_exactly_what_redis_does_not_hold(redis: ArqRedis) -> None:
    held, lost = new_job(), new_job()
    await dispatch.dispatch(redis, [held])
    assert await dispatch.dispatch_missing(redis, [held, lost]) == [lost.entry]
    assert await dispatch.dispatch_missing(redis, [held, lost]) == []
