"""Alive and ready are what they say: a loop that moves, renders that succeed, engines that answer."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import REGISTRY

from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import free_port
from tests.kit.servers.tcp_forwarder import forwarded
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.kit.stages.stage import Stage
from tests.site.server import Site
from worker.health import ask
from worker.health.canary import Canary
from worker.health.readiness import WorkerReadinessDocument
from worker.health.status_server import LoopMonitor, StatusApp, StatusServer

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def command(data_dir: Path, *words: str) -> tuple[int | None, str]:
    """`python -m worker.health`: exit code and what it says."""
    asked = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.health", *words),
        cwd=ROOT,
        env={**os.environ, "RENDERFLEET_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asked.communicate()
    return asked.returncode, said.decode()


class Worker:
    """A worker's port."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def readyz(self) -> tuple[int, dict[str, Any]]:
        answer = await self.client.get("/readyz")
        return answer.status_code, answer.json()

    async def until(self, status: int) -> dict[str, Any]:
        """Ask until the answer is this one."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                code, document = await self.readyz()
                if code == status:
                    return document
                await asyncio.sleep(0.02)  # readiness is asked for, it tells nobody

    async def metric(self, sample: str) -> float | None:
        text = (await self.client.get("/metrics")).text
        found = [line for line in text.splitlines() if line.startswith(f"{sample} ")]
        return float(found[0].split()[1]) if found else None


async def test_a_worker_is_ready_while_a_canary_renders_and_its_engines_answer(stage: Stage) -> None:
    port = free_port()
    data_dir = stage.folder / "data"
    async with forwarded(f"{stage.engines.redis_url.rstrip('/')}/") as (redis, redis_url):
        settings = {"WORKER_METRICS_PORT": str(port), "CANARY_INTERVAL_S": "1", "REDIS_URL": redis_url}
        async with (
            stage.worker(**settings) as process,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            worker = Worker(client)
            status, document = await worker.readyz()
            assert (status, document["reasons"]) == (503, ["nothing has been rendered yet"])
            assert await command(data_dir) == (0, "1 worker is alive\n")
            document = await worker.until(200)
            assert (document["status"], document["takes_jobs"], document["holds"]) == ("ready", True, [])
            assert document["browser"]["generation"] == 1
            assert (document["browser"]["sandbox"], document["warnings"]) == ("on", [])
            assert 0 < document["browser"]["age_s"] < PATIENCE_S
            assert (document["slots"], document["busy"]) == (2, 0)
            assert await command(data_dir, "--ready") == (0, "1 worker is ready\n")
            assert await worker.metric('renderfleet_canaries_total{outcome="succeeded"}')
            assert not await worker.metric('renderfleet_render_seconds_count{stage="capture"}')

            # What a full disk does: the picture cannot be written.
            (scratch,) = data_dir.glob("scratch/*/")
            (scratch / "canary.png").mkdir()
            document = await worker.until(503)
            assert "Is a directory" in document["reasons"][0]
            assert await worker.metric('renderfleet_canaries_total{outcome="failed"}')
            code, said = await command(data_dir, "--ready", "--worker", document["worker_id"])
            assert (code, said.count("Is a directory")) == (1, 1)
            assert await command(data_dir) == (0, "1 worker is alive\n")
            (scratch / "canary.png").rmdir()
            await worker.until(200)
            await process.logged("can render again")

            await redis.cut()
            document = await worker.until(503)
            assert document["reasons"] == ["redis does not answer: ConnectionError"]
            assert document["dependencies"]["postgres"]["status"] == "up"
            await redis.resume()
            await worker.until(200)

            process.send(signal.SIGSTOP)
            code, said = await command(data_dir, "--timeout", "0.2")
            assert (code, "did not answer within 0.2 s" in said) == (1, True)
            process.send(signal.SIGCONT)
            await worker.until(200)
    assert await command(data_dir) == (1, f"no worker listens below {data_dir}\n")


def outcomes() -> dict[str, float]:
    return {
        outcome: REGISTRY.get_sample_value("renderfleet_canaries_total", {"outcome": outcome}) or 0
        for outcome in ("succeeded", "failed")
    }


def canary(stage: BrowserStage, *, allowed: bool = True) -> Canary:
    """One that only ends with its browser, be the machine ever so busy."""
    return Canary(
        stage.pool,
        stage.folder,
        interval_s=60,
        is_allowed=lambda: allowed,
        intake=Intake(),
        timeout_s=(PATIENCE_S, PATIENCE_S),
    )


class Intake:
    """Takes jobs, unless it is told not to."""

    def __init__(self) -> None:
        self.holds: set[str] = set()

    def hold(self, reason: str) -> None:
        self.holds.add(reason)

    def release(self, reason: str) -> None:
        self.holds.discard(reason)


async def test_canaries_leave_the_slots_to_jobs(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1, browser_warm_pages=1) as stage:
        before = outcomes()
        assert await canary(stage, allowed=False).render_if_due() > 0
        bird = canary(stage)
        async with stage.pool.page() as page:
            await page.evaluate("1")
            assert await bird.render_if_due() > 0  # the only slot is taken
            assert bird.not_ready_reason == "nothing has been rendered yet"
        assert bird.not_ready_reason is None  # a job's render is as good as a canary's
        assert await bird.render_if_due() > 3
        assert outcomes() == before

        async with stage.pool.spare_page(), stage.pool.page():  # a job beside a canary
            await bird.render()  # and one more
        assert outcomes() == {**before, "succeeded": before["succeeded"] + 1}
        assert stage.pool.numbers is not None
        assert stage.pool.numbers.renders == 2

        singing = asyncio.create_task(bird.render())
        await asyncio.sleep(0)  # it has begun
        os.kill(stage.browser_pid, signal.SIGKILL)
        await singing
        assert str(bird.not_ready_reason).startswith("a canary failed: ")
        await bird.render()
        assert bird.not_ready_reason is None


@asynccontextmanager
async def status(folder: Path, *, stalled_after_s: float = 10.0) -> AsyncIterator[None]:
    """A status server whose readiness is never asked for."""

    async def document() -> WorkerReadinessDocument:
        raise AssertionError("only liveness is asked for")

    await asyncio.to_thread(folder.mkdir, parents=True)
    monitor = LoopMonitor()
    server = StatusServer(StatusApp(monitor, document, stalled_after_s=stalled_after_s), folder, port=0)
    monitor.start()
    await server.start()
    try:
        yield
    finally:
        await server.stop()
        monitor.stop()


async def test_a_loop_that_does_not_move_is_not_alive(tmp_path: Path) -> None:
    def ask_until(*, alive: bool) -> str | None:
        deadline = time.monotonic() + PATIENCE_S
        while ((reason := ask.ask(tmp_path / "w", "/livez")) is None) is not alive:
            assert time.monotonic() < deadline
        return reason

    async with status(tmp_path / "w", stalled_after_s=1.0):
        with ThreadPoolExecutor(1) as asker:
            # The loop stands still until somebody else has seen that it does.
            reason = asker.submit(ask_until, alive=False).result()
            assert reason == "the event loop has not moved for 1 s"
            assert ask.ask(tmp_path / "w", "/readyz") == reason
        await asyncio.to_thread(ask_until, alive=True)


async def test_the_command_asks_every_worker_and_forgives_what_a_killed_one_left(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)  # a Unix address holds 107 bytes
    left = deep / "scratch" / "killed"
    left.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as nobody, ask.socket_address(left) as address:
        nobody.bind(address)
    assert ask.check(deep, "/livez") == (False, f"no worker listens below {deep}")
    async with status(deep / "scratch" / "one"):
        assert await asyncio.to_thread(ask.check, deep, "/livez") == (True, "1 worker is alive")
        async with status(deep / "scratch" / "stuck", stalled_after_s=-1.0):
            is_well, said = await asyncio.to_thread(ask.check, deep, "/livez")
            assert not is_well
            assert said.startswith("worker stuck is not alive: the event loop has not moved")
            asked = await asyncio.to_thread(lambda: ask.check(deep, "/livez", worker="one"))
            assert asked == (True, "1 worker is alive")


async def test_the_command_is_light_and_looks_where_workers_are() -> None:
    program = "import sys, worker.health; print(*sys.modules)"
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    modules = (await asked.communicate())[0].decode().split()
    assert "worker.health" in modules
    assert not {"asyncio", "fleet", "pydantic", "prometheus_client"} & set(modules)
