"""No page is rendered outside of Chromium's sandbox unless somebody has said so; then nobody overlooks it."""

from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.embedded.settings import LaunchSettings
from deploy.embedded.welcome import welcome
from fleet.errors import RenderError
from fleet.workers import registry
from fleet.workers.vitals import Sandbox
from tests.kit.processes import command_line, free_port, started
from tests.kit.stages.browser_stage import browser_stage, chromium_processes, until
from tests.kit.stages.stage import Stage
from tests.site.server import Site
from worker.browser.launch.sandbox import missing_walls, verify
from worker.settings import BrowserSettings

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

FREE = {"NoNewPrivs": "0", "Seccomp": "0", "Seccomp_filters": "0", "NSpid": "77"}
# What a container's runtime gives to each process in it, the worker as well.
CONTAINED = {"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "NSpid": "77"}
LOCKED = {"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "2", "NSpid": "99 4 1"}


def process(proc: Path, name: str, *, network: str | None, **status: str) -> None:
    """A process as Linux shows it; `network` None: nobody may look."""
    (proc / name / "ns").mkdir(parents=True)
    (proc / name / "status").write_text("".join(f"{key}:\t{text}\n" for key, text in status.items()))
    if network is not None:
        (proc / name / "ns" / "net").symlink_to(network)


def look(folder: Path, *, own: dict[str, str], network: str | None = "net:[2]", **page: str) -> list[str]:
    """What is missing at a page's process, seen by a worker that is `own`."""
    process(folder, "self", network="net:[1]", **own)
    process(folder, "9", network=network, **page)
    return missing_walls(9, proc=folder)


@pytest.mark.parametrize("own", [FREE, CONTAINED])
@pytest.mark.parametrize("network", ["net:[2]", None])
def test_a_renderer_with_all_walls_is_in_the_sandbox(
    tmp_path: Path, own: dict[str, str], network: str | None
) -> None:
    assert look(tmp_path, own=own, network=network, **LOCKED) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"Seccomp": "0", "Seccomp_filters": "0"}, "seccomp"),
        ({"Seccomp_filters": "1"}, "seccomp"),  # the container's own filter, and none of Chromium's
        ({"NoNewPrivs": "0"}, "NoNewPrivs"),
        ({"NSpid": "99"}, "process namespace"),
    ],
)
def test_each_wall_is_missed(tmp_path: Path, change: dict[str, str], word: str) -> None:
    (wall,) = look(tmp_path, own=CONTAINED, **{**LOCKED, **change})
    assert word in wall


def test_a_network_in_common_is_missed(tmp_path: Path) -> None:
    (wall,) = look(tmp_path, own=CONTAINED, network="net:[1]", **LOCKED)
    assert "network namespace" in wall


def test_what_a_container_gives_to_each_process_is_no_sandbox(tmp_path: Path) -> None:
    assert len(look(tmp_path, own=CONTAINED, network="net:[1]", **CONTAINED)) == 3


@pytest.mark.parametrize(("filters", "walls"), [({"Seccomp": "2"}, 0), ({"Seccomp": "0"}, 1)])
def test_kernels_that_count_no_filters(tmp_path: Path, filters: dict[str, str], walls: int) -> None:
    old = {"NoNewPrivs": "1", "NSpid": "99 4 1", **filters}
    assert len(look(tmp_path, own={"NSpid": "77", "Seccomp": "0"}, **old)) == walls


async def test_where_nothing_can_be_seen_nothing_is_claimed(tmp_path: Path) -> None:
    assert await verify(lambda: (), proc=tmp_path) is Sandbox.UNVERIFIED


async def test_a_browser_without_a_page_to_look_at_is_refused() -> None:
    with pytest.raises(RenderError, match="no page's process"):
        await verify(frozenset, patience_s=0)


def without_sandbox(folder: Path) -> Path:
    """A Chromium that takes its own sandbox away, as a wrapper of some distribution might."""
    given = BrowserSettings().chromium_executable
    assert given is not None
    program = folder / "headless-wrapper"
    program.write_text(f'#!/bin/sh\nexec "{given}" --no-sandbox "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("warm", [0, 1])
async def test_pages_of_a_real_browser_have_all_walls(site: Site, warm: int) -> None:
    async with browser_stage(site, browser_warm_pages=warm) as stage:
        assert stage.pool.sandbox is Sandbox.ON
        async with stage.pool.page() as page:
            await page.navigate(site.url("/tiny"))
            # A navigation may have given the page a new process, which is found by the next measurement.
            await until(lambda: any(map(psutil.pid_exists, page.memory.renderers)), "the page's process")
            living = filter(psutil.pid_exists, page.memory.renderers)
            assert [missing_walls(pid) for pid in living] == [[]]
        assert missing_walls(stage.browser_pid)


async def test_a_worker_whose_chromium_has_no_sandbox_ends_and_says_what_to_do(
    stage: Stage, tmp_path: Path
) -> None:
    environment = stage.environment(CHROMIUM_EXECUTABLE=str(without_sandbox(tmp_path)))
    async with started("worker", environment=environment, log=tmp_path / "log") as process:
        assert await process.ended() == 1
        last = process.lines()[-1]
    assert last["event"] == "worker ends"
    for word in ("sandbox is not on", "seccomp", "user namespaces", "apparmor", "CHROMIUM_SANDBOX=off"):
        assert word in last["error"], word
    assert not chromium_processes(tmp_path)


async def test_a_worker_that_may_go_without_says_so_everywhere(stage: Stage) -> None:
    port = free_port()
    async with (
        stage.worker(CHROMIUM_SANDBOX="off", WORKER_METRICS_PORT=str(port)) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        said = [line for line in process.lines() if "CHROMIUM_SANDBOX is off" in line["event"]]
        assert [(line["level"], line["generation"]) for line in said] == [("warning", 1)]
        ready: dict[str, Any] = (await client.get("/readyz")).json()
        assert (ready["browser"]["sandbox"], len(ready["warnings"])) == ("off", 1)
        (row,) = await registry.list_present(stage.database)
        assert row.vitals is not None
        assert row.vitals.sandbox is Sandbox.OFF
        (browser,) = [
            one
            for one in psutil.Process(process.process.pid).children(recursive=True)
            if any("--user-data-dir" in word for word in command_line(one))
            and not any("--type=" in word for word in command_line(one))
        ]
        await until(lambda: "--no-sandbox" in command_line(browser), "Chromium's start")


@pytest.mark.parametrize("text", ["off", "OFF", "false", "0", "no"])
def test_the_welcome_of_make_run_says_so_too(tmp_path: Path, text: str) -> None:
    key = tmp_path / "api-key"
    key.write_text("rf_x")
    assert "CHROMIUM_SANDBOX" not in welcome(LaunchSettings.from_environment({}), key)
    off = LaunchSettings.from_environment({"CHROMIUM_SANDBOX": text})
    assert "CHROMIUM_SANDBOX is off" in welcome(off, key)
    assert BrowserSettings(chromium_sandbox=text).chromium_sandbox is off.sandbox
