"""A job that has crashed once gets a browser of its own: what it costs others, and what is left of it."""

import asyncio
import os
import signal
import socket
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil
import pytest

from fleet.jobs.job import Job, State
from tests.kit.processes import ProductProcess, command_line
from tests.kit.stages.browser_stage import BrowserStage, browser_pids, browser_stage, until
from tests.kit.stages.stage import Stage
from tests.site.server import Site
from worker.browser.devtools import ConnectionLostError, DevToolsError
from worker.pool.succession import NoPageError

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# The folder of a browser begins with its number; that of an own browser is 0.
OWN: Final = "/b0-"


def profile(pid: int) -> str:
    [word] = [word for word in command_line(psutil.Process(pid)) if word.startswith("--user-data-dir=")]
    return word


def own_pids(folder: Path) -> list[int]:
    return [pid for pid in browser_pids(folder) if OWN in profile(pid)]


def renderers(worker: ProductProcess) -> list[psutil.Process]:
    family = psutil.Process(worker.process.pid).children(recursive=True)
    return [one for one in family if "--type=renderer" in command_line(one)]


async def crashed(stage: Stage, worker: ProductProcess, count: int) -> list[Job]:
    """So many jobs whose pages have crashed once, and hold what they have got since."""
    jobs = [await stage.enqueue(url=stage.gate.url) for _ in range(count)]
    await stage.gate.visited(count)
    for renderer in renderers(worker):
        renderer.kill()
    await stage.gate.visited(2 * count)
    return jobs


async def other_tenant(stage: Stage) -> Stage:
    """The same fleet for another tenant."""
    sql = "INSERT INTO tenants (id, name) VALUES ($1, 'neighbour') RETURNING id"
    return replace(stage, tenant_id=await stage.database.fetchval(sql, uuid.uuid4()))


async def test_pages_that_crash_and_then_hold_keep_no_neighbour_waiting(stage: Stage) -> None:
    """Their tenant may have two of the four slots. The neighbour's jobs end before theirs do."""
    await stage.database.execute("UPDATE tenants SET max_running = 2")
    neighbour = await other_tenant(stage)
    async with stage.worker(BROWSER_MAX_PAGES="4", LEASE_S="15") as worker:
        holding = await crashed(stage, worker, 2)
        more = [await stage.enqueue(url=stage.gate.url) for _ in range(2)]
        beside = [await neighbour.enqueue(html=f"<p>{number}</p>") for number in range(4)]
        assert [(await neighbour.ended(job)).state for job in beside] == [State.SUCCEEDED] * 4
        assert stage.gate.visits == 4, "the others of the tenant are over its limit"
        stage.gate.open()
        ends = [await stage.ended(job) for job in (*holding, *more)]
    assert [(job.state, job.attempt) for job in ends[:2]] == [(State.SUCCEEDED, 2)] * 2
    assert [job.browser_generation for job in ends] == [0, 0, 1, 1]


async def test_a_second_crash_hurts_nobody_beside_it(stage: Stage) -> None:
    async with stage.worker(BROWSER_MAX_PAGES="4", LEASE_S="15") as worker:
        [victim] = await crashed(stage, worker, 1)
        beside = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited(3)
        [own] = [pid for pid in browser_pids(stage.folder) if OWN in profile(pid)]
        os.kill(own, signal.SIGKILL)
        await stage.gate.visited(4)
        stage.gate.open()
        ends = [await stage.ended(job) for job in (victim, beside)]
    assert [(job.state, job.attempt) for job in ends] == [(State.SUCCEEDED, 3), (State.SUCCEEDED, 1)]


async def test_a_browser_that_cannot_be_started_costs_the_job_nothing(stage: Stage, site: Site) -> None:
    chromium, program = wrapped_chromium(stage.folder)
    async with stage.worker(BROWSER_MAX_PAGES="2", LEASE_S="15", CHROMIUM_EXECUTABLE=str(program)) as worker:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        hidden = chromium.rename(chromium.with_name("hidden"))
        for renderer in renderers(worker):
            renderer.kill()
        await worker.logged("job put back")
        beside = await stage.ended(await stage.enqueue(url=site.url("/tiny")))
        assert beside.state is State.SUCCEEDED
        hidden.rename(chromium)
        stage.gate.open()
        done = await stage.ended(job)
    assert done.state is State.SUCCEEDED
    outcomes = await stage.outcomes(job)
    assert (outcomes[0], set(outcomes[1:-1]), outcomes[-1]) == ("retried", {"handed_back"}, "succeeded")
    sql = "SELECT failure_count, crash_count FROM jobs WHERE id = $1"
    counts = await stage.database.fetchrow(sql, job.id)
    assert counts is not None
    assert tuple(counts) == (0, 1)


def wrapped_chromium(folder: Path) -> tuple[Path, Path]:
    """A link to Chromium, and a program that is Chromium for as long as the link is there."""
    chromium = folder / "chromium"
    chromium.symlink_to(os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"])
    program = folder / "headless"
    program.write_text(f'#!/bin/sh\nexec "{chromium}" "$@"\n')
    program.chmod(0o755)
    return chromium, program


async def test_nothing_is_left_of_an_own_browser(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        async with stage.pool.page_alone() as page:
            assert await page.evaluate("1 + 1") == 2
            [own] = own_pids(stage.folder)
            port = debugging_port(own)
            assert not is_free(port)
            assert list(stage.folder.glob("b0-*"))
        await until(lambda: stage.pool.busy == 0, "the slot")
        assert own_pids(stage.folder) == []
        assert list(stage.folder.glob("b0-*")) == []
        assert is_free(port)


def debugging_port(pid: int) -> int:
    words = command_line(psutil.Process(pid))
    [port] = [word.partition("=")[2] for word in words if word.startswith("--remote-debugging-port=")]
    return int(port)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_half_of_the_slots_may_have_own_browsers_and_the_rest_gives_back(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=3) as stage:
        async with stage.pool.page_alone():
            with pytest.raises(NoPageError):
                async with stage.pool.page_alone(patience_s=0.1):
                    pytest.fail("one of three slots has an own browser already")
            assert (await stage.render("/tiny")).page.title == "tiny"
        await until(lambda: stage.pool.busy == 0, "the slots")
        async with stage.pool.page_alone() as page:
            assert page.generation == 0


async def test_a_worker_with_one_slot_needs_no_second_browser(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage, stage.pool.page_alone() as page:
        assert page.generation == 1
        assert len(browser_pids(stage.folder)) == 1


async def test_an_own_browser_outlives_the_others_replacement(site: Site) -> None:
    async with (
        browser_stage(site, browser_max_pages=2, browser_max_renders=1) as stage,
        stage.pool.page_alone() as page,
    ):
        await stage.render("/tiny")
        await until(lambda: stage.pool.generation >= 2, "the next browser")
        assert await page.evaluate("1 + 1") == 2


async def test_the_end_of_the_worker_ends_own_browsers(site: Site) -> None:
    """That nothing is left is the stage's own assertion."""
    async with browser_stage(site, browser_max_pages=4) as stage:
        is_working = asyncio.Event()

        async def render() -> None:
            async with stage.pool.page_alone() as page:
                is_working.set()
                await page.evaluate("new Promise(() => {})")

        working = asyncio.create_task(render())
        await is_working.wait()
        first = set(own_pids(stage.folder))
        starting = asyncio.create_task(render())
        await until(lambda: set(own_pids(stage.folder)) - first != set(), "the second browser")
        starting.cancel()
        await asyncio.wait([starting])
        await stage.pool.stop()
        with pytest.raises(DevToolsError):
            await working


async def test_what_an_own_browser_loses_says_nothing_of_the_other(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        with pytest.raises(ConnectionLostError):
            await lose_the_browser(stage)
        assert not stage.pool.is_suspect.is_set()
        assert stage.pool.generation == 1


async def lose_the_browser(stage: BrowserStage) -> None:
    """Stop it, so that who watches it has to end it."""
    async with stage.pool.page_alone() as page:
        [own] = own_pids(stage.folder)
        os.kill(own, signal.SIGSTOP)
        await page.evaluate("new Promise(() => {})")
