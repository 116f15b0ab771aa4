"""API processes and workers are replaced one by one under load: no call finds nobody, and no job fails."""

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx

from tests.kit.patience import PATIENCE_S
from tests.kit.processes import NO_TLS, ProductProcess, api_process
from tests.kit.stages.stage import Stage

CALLERS: Final = 3
# Seconds between the calls of a caller: without them, calls take the CPU that new processes need to start.
PACE_S: Final = 0.5


class Rotation:
    """The API processes that get calls, as a load balancer keeps them, and what callers were answered."""

    def __init__(self) -> None:
        self.taking: list[httpx.AsyncClient] = []
        self.answers: list[tuple[int, str]] = []
        self.open: Counter[httpx.AsyncClient] = Counter()
        self.is_over = False
        self._changed = asyncio.Condition()

    async def call(self, number: int) -> None:
        """Call again and again, in turn, each time by a connection of its own."""
        while not self.is_over:
            number += 1
            made = await self._ask(number, "POST", "/v1/jobs", json={"html": "x"})
            path, document = made.json()["links"]["self"], made.json()
            while document["status"] in ("queued", "running"):
                document = (await self._ask(number, "GET", path, params={"wait": 60})).json()
            async with self._changed:
                self.answers.append((made.status_code, document["status"]))
                self._changed.notify_all()
            await asyncio.sleep(PACE_S)

    async def _ask(self, number: int, method: str, path: str, **content: Any) -> httpx.Response:
        client = self.taking[number % len(self.taking)]
        self.open[client] += 1
        try:
            async with httpx.AsyncClient(
                base_url=client.base_url, headers=client.headers, timeout=PATIENCE_S, verify=NO_TLS
            ) as caller:
                return await caller.request(method, path, headers={"Prefer": "wait=60"}, **content)
        finally:
            async with self._changed:
                self.open[client] -= 1
                self._changed.notify_all()

    async def drain(self, client: httpx.AsyncClient) -> None:
        """Send no more calls to a process, and wait for the answers to those that it has."""
        self.taking.remove(client)
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: not self.open[client])

    async def more(self, count: int = 2 * CALLERS) -> None:
        """Wait for so many more answers."""
        until = len(self.answers) + count
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.answers) >= until)


async def test_nobody_notices_a_rolling_update(stage: Stage, tenant_key: str) -> None:
    rotation = Rotation()
    workers: list[ProductProcess] = []
    apis: list[tuple[ProductProcess, httpx.AsyncClient]] = []
    async with AsyncExitStack() as stack:

        async def add_worker() -> None:
            name = f"worker-{len(workers)}"
            workers.append(await stack.enter_async_context(stage.worker(name, SHUTDOWN_GRACE_S="0")))

        async def add_api() -> None:
            log = stage.folder / f"api-{len(apis)}.log"
            apis.append(await stack.enter_async_context(api_process(stage.environment(), log, tenant_key)))
            rotation.taking.append(apis[-1][1])

        for _ in range(2):
            await add_worker()
            await add_api()
        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(rotation.call(number))
            await rotation.more()
            for old in workers[:2]:
                await add_worker()
                # Without a grace: what it renders is handed back in the middle.
                old.send(signal.SIGTERM)
                assert await old.ended() == 0
            for process, client in apis[:2]:
                await add_api()
                await rotation.drain(client)
                process.send(signal.SIGTERM)
                await process.ended()
            await rotation.more()
            rotation.is_over = True
    assert {status for status, _ in rotation.answers} <= {200, 202}
    assert {state for _, state in rotation.answers} == {"succeeded"}
