"""Pages that take down the browser, or the memory: they fail, and nobody goes down with them."""

import asyncio
import contextlib
import os
import signal

import psutil

from fleet.errors import ErrorType
from fleet.jobs.job import State
from tests.chaos.cases.faults import browsers_of
from tests.kit.processes import ProductProcess, command_line
from tests.kit.stages.stage import Stage
from tests.site.server import Site
from worker.resources.memory.page_memory import MIB

KILLER = "/silent"


async def kill_the_browser_at_each_visit(site: Site, worker: ProductProcess) -> None:
    """Be the page: whenever it is asked for, the browser that asked dies."""
    kills = 0
    while True:
        while site.visits[KILLER] == kills:  # noqa: ASYNC110 - the site runs in threads of its own
            await asyncio.sleep(0.02)
        kills += 1
        while len(found := browsers_that_may_have_it(worker, is_first=kills == 1)) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGKILL)


def browsers_that_may_have_it(worker: ProductProcess, *, is_first: bool) -> list[int]:
    """After its first attempt the page has a browser of its own. Those of its neighbours end soon."""
    return [browser for browser in browsers_of(worker.process.pid) if is_own(browser) is not is_first]


def words_of(pid: int) -> list[str]:
    """The command line of a process; empty when it has ended."""
    try:
        return command_line(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return []


def is_own(browser: int) -> bool:
    """Whether a browser is for one page: then its folder begins with b0."""
    return any("/b0-" in word for word in words_of(browser))


async def test_one_that_kills_the_browser_fails_at_the_cap_while_its_neighbours_succeed(stage: Stage) -> None:
    with Site() as site:
        async with stage.worker("worker", BROWSER_MAX_PAGES="4", LEASE_S="15") as worker:
            beside = [await stage.enqueue(url=stage.gate.url) for _ in range(3)]
            await stage.gate.visited(3)
            killing = asyncio.create_task(kill_the_browser_at_each_visit(site, worker))
            killer = await stage.enqueue(url=site.url(KILLER))
            await worker.logged("browser ended")
            stage.gate.open()
            later = [await stage.enqueue(html=f"<p>{number}</p>") for number in range(3)]
            ends = [await stage.ended(job) for job in (*beside, *later)]
            done = await stage.ended(killer)
            assert not killing.done()
            killing.cancel()
    assert [job.state for job in ends] == [State.SUCCEEDED] * 6
    assert max(job.attempt for job in ends) <= 2
    assert done.state is State.FAILED
    assert done.error_type in (ErrorType.PAGE_CRASHED, ErrorType.BROWSER_UNAVAILABLE)
    assert done.quarantined_at is not None
    assert await stage.outcomes(killer) == ["retried", "retried", "failed"]


async def test_one_that_fills_the_memory_fails_at_once_with_the_figure_in_its_document(stage: Stage) -> None:
    with Site() as site:
        async with stage.worker("worker", BROWSER_MAX_PAGES="2", RENDER_MEMORY_LIMIT_MB="100"):
            bomb = await stage.enqueue(url=site.url("/bomb/buffers"))
            beside = await stage.enqueue(url=site.url("/slow?ms=1000"))
            failed, done = await stage.ended(bomb), await stage.ended(beside)
    assert (failed.state, failed.error_type) == (State.FAILED, ErrorType.MEMORY_LIMIT_EXCEEDED)
    assert failed.error_detail is not None
    assert failed.error_detail.endswith("a render may take 100 MiB")
    assert await stage.outcomes(bomb) == ["failed"]
    assert failed.memory_peak_bytes is not None
    assert done.memory_peak_bytes is not None
    assert done.memory_peak_bytes < 60 * MIB < 100 * MIB < failed.memory_peak_bytes
