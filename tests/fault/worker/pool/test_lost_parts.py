"""Each process that pages of a browser share is killed, and stopped, while jobs run.

No job fails, no picture is blank, and the worker renders again. How soon, tells `make chaos`.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import psutil
import pytest

from fleet.jobs.job import Job, State
from tests.kit.faults.frozen_threads import frozen_threads
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, command_line
from tests.kit.stages.browser_stage import browser_stage, until
from tests.kit.stages.stage import Stage
from tests.site.server import Site

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Jobs that end before a fault and after it: two may have been almost over at the fault before, and then the
# browser has warm pages.
JOBS_BETWEEN: Final = 3
# Jobs run all the time, and mostly wait: a fault finds them while they do, and they cost little.
SLOW: Final = "/slow?ms=900"


def family(worker: ProductProcess) -> list[psutil.Process]:
    """All processes below a worker."""
    return psutil.Process(worker.process.pid).children(recursive=True)


def named(*words: str) -> Callable[[ProductProcess], list[psutil.Process]]:
    """Finds the processes whose command line has all these words."""
    return lambda worker: [one for one in family(worker) if set(words) <= set(command_line(one))]


def browsers(worker: ProductProcess) -> list[psutil.Process]:
    """The browser processes: those with a profile and without a type."""
    return [
        one
        for one in family(worker)
        if any(word.startswith("--user-data-dir") for word in command_line(one))
        and not any(word.startswith("--type=") for word in command_line(one))
    ]


PARTS: Final = {
    "browser": browsers,
    "gpu": named("--type=gpu-process"),
    "network": named("--utility-sub-type=network.mojom.NetworkService"),
    "zygotes": named("--type=zygote"),
    "renderers": named("--type=renderer"),
}


def launched(worker: ProductProcess) -> int:
    """The highest number of a browser that the worker has launched."""
    return max(int(line["generation"]) for line in worker.lines() if line["event"] == "browser launched")


@asynccontextmanager
async def jobs_without_end(stage: Stage, url: str) -> AsyncIterator[list[Job]]:
    """Two jobs at a time for as long as the block runs; those that have ended."""
    ended: list[Job] = []

    async def ask() -> None:
        while not is_over.is_set():
            ended.append(await stage.ended(await stage.enqueue(url=url)))

    is_over = asyncio.Event()
    lanes = [asyncio.create_task(ask()) for _ in range(2)]
    try:
        yield ended
    finally:
        is_over.set()
        await asyncio.gather(*lanes)


async def until_more(ended: list[Job], count: int) -> None:
    """Wait until so many more jobs have ended."""
    wanted = len(ended) + count
    async with asyncio.timeout(PATIENCE_S):
        while len(ended) < wanted:  # noqa: ASYNC110 - the jobs are rows in Postgres
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_each_part_is_lost_while_jobs_run(stage: Stage, site: Site, number: signal.Signals) -> None:
    """One after the other in one worker, each in a browser that has rendered."""
    async with (
        stage.worker(BROWSER_WARM_PAGES="2") as worker,
        jobs_without_end(stage, site.url(SLOW)) as ended,
    ):
        await until_more(ended, JOBS_BETWEEN)
        for part, find in PARTS.items():
            victims = find(worker)
            assert victims, part
            for victim in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim.pid, number)
            try:
                await until_more(ended, JOBS_BETWEEN)
            except TimeoutError:
                pytest.fail(f"no job ends after this was lost: {part}")
            failures = await stage.database.fetchval("SELECT sum(failure_count) FROM jobs")
            assert failures == 0, f"the browser's faults are no failed attempts: {part}"
    assert {job.state for job in ended} == {State.SUCCEEDED}, [job.error_detail for job in ended]
    assert len({job.artifact.sha256 for job in ended if job.artifact is not None}) == 1, "a picture is blank"


async def test_a_network_service_that_hangs_is_noticed_although_it_lives(stage: Stage, site: Site) -> None:
    """It was not stopped and has not ended, so only test renders show it."""
    async with (
        stage.worker(BROWSER_WARM_PAGES="2") as worker,
        jobs_without_end(stage, site.url(SLOW)) as ended,
    ):
        await until_more(ended, JOBS_BETWEEN)
        [service] = PARTS["network"](worker)
        async with frozen_threads(service.pid):
            await worker.logged("the browser ended")
            await until(lambda: launched(worker) == 2, "the next browser")
            await until_more(ended, JOBS_BETWEEN)
        reasons = [line["reason"] for line in worker.lines() if line["event"] == "the browser ended"]
    assert reasons == ["canary"]
    assert await stage.database.fetchval("SELECT sum(failure_count) FROM jobs") == 0
    assert {job.state for job in ended} == {State.SUCCEEDED}, [job.error_detail for job in ended]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_a_lost_driver_ends_the_pool_soon(site: Site, number: signal.Signals) -> None:
    """Then the worker hands its jobs back and exits, and the orchestrator starts the next one."""
    async with browser_stage(site, browser_max_pages=2) as stage:
        driver = psutil.Process(stage.browser_pid).parent()
        assert driver is not None
        driver.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            reason = await stage.pool.failed
    assert "driver" in reason.detail


async def test_a_driver_that_is_stopped_when_the_browser_ends_keeps_nobody_waiting(site: Site) -> None:
    """Playwright would wait for ever until its driver has started the next one."""
    async with browser_stage(site, browser_max_pages=2) as stage:
        browser = psutil.Process(stage.browser_pid)
        driver = browser.parent()
        assert driver is not None
        driver.suspend()
        browser.kill()
        async with asyncio.timeout(PATIENCE_S):
            reason = await stage.pool.failed
    assert "driver" in reason.detail
