"""A worker that cannot start or cannot go on takes no job, hands back its own, and says so by its exit."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fleet.jobs.job import State
from tests.chaos.cases.faults import browsers_of
from tests.kit.processes import ProductProcess, started
from tests.kit.stages.browser_stage import chromium_processes
from tests.kit.stages.stage import Stage


def program_that_vanishes(folder: Path) -> Path:
    """Becomes Chromium as long as the link beside it exists."""
    (folder / "chromium").symlink_to(os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"])
    script = folder / "start"
    script.write_text(f'#!/bin/sh\nexec "{folder}/chromium" "$@"\n')
    script.chmod(0o755)
    return script


def kill_driver(worker: ProductProcess, _: Path) -> None:
    [browser] = browsers_of(worker.process.pid)
    driver = psutil.Process(browser).parent()
    assert driver is not None
    driver.kill()


def kill_browser_for_good(worker: ProductProcess, folder: Path) -> None:
    (folder / "chromium").unlink()
    [browser] = browsers_of(worker.process.pid)
    os.kill(browser, signal.SIGKILL)


@pytest.mark.parametrize("breaks", [kill_driver, kill_browser_for_good])
async def test_its_jobs_succeed_elsewhere_and_it_exits_with_an_error(
    stage: Stage, tmp_path: Path, breaks: Callable[[ProductProcess, Path], None]
) -> None:
    program = str(program_that_vanishes(tmp_path))
    async with stage.worker("first", BROWSER_MAX_PAGES="2", CHROMIUM_EXECUTABLE=program) as first:
        rendering = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        breaks(first, tmp_path)
        await first.logged('"event": "the browser ended"')
        later = await stage.enqueue(html="<p>later")
        assert await first.ended() == 1
        assert "never retrieved" not in first.log.read_text()
    stage.gate.open()
    async with stage.worker("second"):
        ends = [await stage.ended(job) for job in (rendering, later)]
    assert [job.state for job in ends] == [State.SUCCEEDED] * 2
    # The job may begin again in the first worker, before that knows that it can have no browser any more.
    # It gets no page there and is handed back, which does not count.
    counted = [word for word in await stage.outcomes(rendering) if word != "handed_back"]
    assert counted == ["retried", "succeeded"]
    assert await stage.outcomes(later) == ["succeeded"]


async def test_a_worker_that_cannot_start_stops_what_it_has_started(stage: Stage) -> None:
    """The port for metrics comes late: a folder, an egress proxy and a browser are there by then."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        environment = stage.environment(WORKER_METRICS_PORT=str(taken.getsockname()[1]))
        log = stage.folder / "worker.log"
        async with started("worker", environment=environment, log=log) as worker:
            assert await worker.ended() == 1
    assert "cannot listen at RENDERFLEET_WORKER_METRICS_PORT" in log.read_text()
    assert '"event": "browser launched"' in log.read_text()
    assert not list((stage.folder / "data" / "scratch").iterdir())
    assert not chromium_processes(stage.folder)
