"""What happens to a worker's renders when the browser under them is killed, stopped or cannot start."""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import command_line
from tests.kit.stages.browser_stage import BrowserStage, browser_stage, open_egress, until
from tests.site.server import Site
from worker.browser.devtools import TargetCrashedError
from worker.browser.launch.scratch import Scratch
from worker.pool.pool import Pool
from worker.settings import BrowserSettings

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

NETWORK_SERVICE = "--utility-sub-type=network.mojom.NetworkService"
# A worker without a queue, for a test that kills it.
WORKER = """
import asyncio, sys, uuid
from pathlib import Path
from tests.kit.stages.browser_stage import open_egress
from worker.pool.pool import Pool
from worker.browser.launch.scratch import Scratch
from worker.settings import BrowserSettings

async def main():
    with Scratch(Path(sys.argv[1]), uuid.UUID(int=1)) as scratch:
        async with open_egress() as egress:
            await Pool(BrowserSettings(), scratch.path, egress).start()
            print("ready", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def render_in_flight(stage: BrowserStage) -> "asyncio.Task[object]":
    """A render that has asked its page and got no answer yet."""
    visits = stage.site.visits["/silent"]
    render = asyncio.create_task(stage.render("/silent"))
    await asyncio.to_thread(stage.site.wait_visited, "/silent", visits + 1)
    return render


async def test_killed_browser_fails_its_renders_and_the_next_one_starts(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        render = await render_in_flight(stage)
        os.kill(stage.browser_pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RenderError) as caught:
                await render
        assert caught.value.type is ErrorType.BROWSER_UNAVAILABLE
        async with asyncio.timeout(PATIENCE_S):  # it waits for the next generation instead of failing
            assert (await stage.render("/tiny")).page.title == "tiny"
        assert stage.pool.generation == 2


async def test_stopped_browser_is_replaced(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        render = await render_in_flight(stage)
        os.kill(stage.browser_pid, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RenderError) as caught:
                await render
            assert caught.value.type is ErrorType.BROWSER_UNAVAILABLE
            assert (await stage.render("/tiny")).page.title == "tiny"
        assert stage.pool.generation == 2


async def test_a_browser_without_its_network_service_gives_no_pages(site: Site) -> None:
    """Chromium starts another one, through which they would ask at the port that refuses everything."""
    async with browser_stage(site, browser_max_pages=1, browser_warm_pages=1) as stage:
        await end_network_service(stage)
        assert (await stage.render("/tiny")).page.title == "tiny"
        assert stage.pool.generation == 2


@pytest.mark.parametrize("url", ["/silent", "/with-part?part=/silent"])
async def test_a_render_whose_network_service_ends_fails_by_its_browser(site: Site, url: str) -> None:
    """Also right after the browser's start. No picture without its parts, and no failure of the job's own."""
    async with browser_stage(site, browser_max_pages=1, browser_warm_pages=0) as stage:
        visits = site.visits["/silent"]
        render = asyncio.create_task(stage.render(url, wait_until="load"))
        await asyncio.to_thread(site.wait_visited, "/silent", visits + 1)
        await end_network_service(stage)
        with pytest.raises(RenderError) as caught:
            await render
        assert caught.value.type is ErrorType.BROWSER_UNAVAILABLE
        assert (await stage.render("/tiny")).page.title == "tiny"


async def end_network_service(stage: BrowserStage) -> None:
    (service,) = [
        process for process in stage.descendants("utility") if NETWORK_SERVICE in command_line(process)
    ]
    service.kill()
    await until(lambda: service not in stage.descendants("utility"), "the network service's end")


async def test_an_ended_browser_leaves_no_process_behind_that_was_stopped(site: Site) -> None:
    """Such a process does not hear that its browser has ended."""
    async with browser_stage(site, browser_max_pages=1) as stage:
        group = os.getpgid(stage.browser_pid)
        [service] = [one for one in stage.descendants("utility") if NETWORK_SERVICE in command_line(one)]
        service.suspend()
        os.kill(stage.browser_pid, signal.SIGKILL)
        await until(lambda: stage.pool.generation == 2, "the next browser")
        await until(lambda: living(group) == [], "the end of all its processes")


async def test_killed_renderer_fails_its_page_alone(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=0) as stage:
        victim = await render_in_flight(stage)
        (renderer,) = stage.descendants("renderer")
        neighbour = asyncio.create_task(stage.render("/slow?ms=500"))
        await asyncio.to_thread(site.wait_visited, "/slow", site.visits["/slow"] + 1)
        renderer.kill()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RenderError) as caught:
                await victim
        assert caught.value.type is ErrorType.PAGE_CRASHED
        assert (await neighbour).page.title == "slow"
        assert stage.pool.generation == 1


async def test_after_a_lost_page_there_is_no_other_until_the_browser_has_answered(site: Site) -> None:
    """A page that is lost may be the first of a browser that ends: a warm one is not given away meanwhile."""
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=2) as stage:
        async with stage.pool.page() as page:
            for renderer in page.memory.renderers:
                os.kill(renderer, signal.SIGKILL)
            with pytest.raises(TargetCrashedError):
                await page.evaluate("new Promise(() => {})")
            os.kill(stage.browser_pid, signal.SIGSTOP)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), stage.pool.page():
                    pytest.fail("nobody knows whether this browser works")
            os.kill(stage.browser_pid, signal.SIGCONT)
        async with stage.pool.page() as other:
            assert await other.evaluate("1 + 1") == 2
        assert stage.pool.generation == 1


async def test_lost_driver_is_the_end_of_the_pool(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        render = await render_in_flight(stage)
        driver = psutil.Process(stage.browser_pid).parent()
        assert driver is not None
        driver.kill()
        with pytest.raises(RenderError):
            await render
        async with asyncio.timeout(PATIENCE_S):
            reason = await stage.pool.failed
        assert "driver" in reason.detail
        with pytest.raises(RenderError) as caught:
            await stage.render("/tiny")
        assert caught.value.type is ErrorType.BROWSER_UNAVAILABLE


async def test_what_is_set_for_a_page_stays_though_the_driver_was_slow_when_the_page_was_made(
    site: Site,
) -> None:
    """The driver attaches itself to each new page. When it lets go, Chromium forgets what was set before."""
    async with browser_stage(site, browser_max_pages=3, browser_warm_pages=0) as stage:
        driver = psutil.Process(stage.browser_pid).parent()
        assert driver is not None
        is_told, is_left_alone = asyncio.Event(), asyncio.Event()

        async def is_print() -> bool:
            async with stage.page() as page:
                await page.send("Emulation.setEmulatedMedia", media="print")
                is_told.set()
                await is_left_alone.wait()
                return bool(await page.evaluate("matchMedia('print').matches"))

        async with stage.page() as witness:
            driver.suspend()
            try:
                asked = asyncio.create_task(is_print())
                # To make a page takes five answers of the browser, if nothing else is waited for.
                for _ in range(200):
                    if not is_told.is_set():
                        await witness.send("Browser.getVersion")
                        await witness.send("Page.getNavigationHistory")
            finally:
                driver.resume()
        async with stage.page() as later:
            await later.navigate(site.url("/tiny"))  # begins when the driver has let go of both
        is_left_alone.set()
        assert await asked


async def test_a_page_that_ends_while_it_is_made_keeps_no_other_waiting(site: Site) -> None:
    """The driver, which has attached itself, never lets go of it."""
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=0) as stage:
        driver = psutil.Process(stage.browser_pid).parent()
        assert driver is not None
        spare = {renderer.pid for renderer in stage.descendants("renderer")}
        driver.suspend()
        try:
            ending = asyncio.create_task(stage.render("/tiny"))
            await until(lambda: len(stage.descendants("renderer")) > len(spare), "the page's renderer")
            for renderer in stage.descendants("renderer"):
                renderer.kill()
        finally:
            driver.resume()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait((ending,))
            await stage.render("/tiny")
        assert stage.pool.generation == 1


async def test_browser_that_cannot_be_relaunched_is_the_end_of_the_pool(site: Site, tmp_path: Path) -> None:
    async with browser_stage(site) as stage:
        executable = psutil.Process(stage.browser_pid).exe()
    chromium = tmp_path / "chromium"
    chromium.symlink_to(executable)
    async with browser_stage(site, chromium_executable=wrapper(tmp_path)) as stage:
        chromium.unlink()
        os.kill(stage.browser_pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            reason = await stage.pool.failed
        assert "could not be launched" in reason.detail


async def test_a_browser_that_is_stopped_while_it_starts_is_not_waited_for(
    site: Site, tmp_path: Path
) -> None:
    async with browser_stage(site) as stage:
        executable = psutil.Process(stage.browser_pid).exe()
    (tmp_path / "chromium").symlink_to(executable)
    stop = tmp_path / "stop"
    start = wrapper(tmp_path, f'if [ -e "{stop}" ]; then rm "{stop}"; kill -STOP $$; fi')
    async with browser_stage(site, chromium_executable=start, browser_launch_timeout_s=300) as stage:
        stop.touch()
        os.kill(stage.browser_pid, signal.SIGKILL)
        await until(lambda: stage.pool.generation == 2, "the next browser, after one that was stopped")
        assert (await stage.render("/tiny")).page.title == "tiny"
    assert not stop.exists()


async def test_missing_executable_is_said_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Scratch(tmp_path, uuid.uuid4()) as scratch:
        async with open_egress() as egress:
            pool = Pool(BrowserSettings(chromium_executable=tmp_path / "nothing"), scratch.path, egress)
            with pytest.raises(RenderError) as caught:
                await pool.start()
    assert caught.value.type is ErrorType.BROWSER_UNAVAILABLE
    assert "RENDERFLEET_CHROMIUM_EXECUTABLE" in "".join(capsys.readouterr())


async def test_killed_worker_takes_its_browser_along_and_leaves_only_its_folder(
    site: Site, tmp_path: Path
) -> None:
    """A worker's own death by SIGKILL: no process stays, and the next worker sweeps the folder."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    while b"ready" not in (line := await worker.stdout.readline()):
        assert line, "the worker ended"
    folder = tmp_path / "scratch" / "00000000-0000-0000-0000-000000000001"
    descendants = psutil.Process(worker.pid).children(recursive=True)
    assert any("--type=renderer" in command_line(process) for process in descendants)
    worker.kill()
    await worker.wait()
    await until(lambda: not any(command_line(process) for process in descendants), "the end of its browser")
    async with browser_stage(site, data_dir=tmp_path):
        assert not folder.exists()


def living(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def wrapper(folder: Path, first: str = "") -> Path:
    """A program that becomes Chromium as long as the link beside it exists; `first` is run before."""
    script = folder / "start"
    script.write_text(f'#!/bin/sh\n{first}\nexec "{folder}/chromium" "$@"\n')
    script.chmod(0o755)
    return script
