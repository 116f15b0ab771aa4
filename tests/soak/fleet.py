"""The whole product for a run: engines, one API process, the site with the pages, and named workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.bench.clients.product import Api, Product
from tests.chaos.clients.supervised_process import SupervisedProcess
from tests.site.server import Site
from tests.soak.plan import Plan

READY = "worker ready"


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running fleet."""

    product: Product
    api: Api
    site: Site
    workers: list[SupervisedProcess]

    @property
    def pids(self) -> dict[str, int]:
        """The current process id of each worker, by name."""
        return {worker.name: worker.pid for worker in self.workers}

    def names(self) -> dict[str, str]:
        """The workers' names by the worker ids that jobs contain."""
        return {
            str(line["worker_id"]): worker.name
            for worker in self.workers
            for line in lines_of(worker)
            if line["event"] == READY
        }


def lines_of(worker: SupervisedProcess) -> list[dict[str, Any]]:
    """All lines that a worker has logged, in all its processes."""
    return [line for process_run in worker.runs for line in process_run.lines()]


def time_of(line: dict[str, Any]) -> float:
    """When a line was logged, in seconds since 1970."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


@asynccontextmanager
async def opened(product: Product, plan: Plan) -> AsyncIterator[Fleet]:
    """Start a fleet on running engines; its processes are ended at the end of the block.

    Raises:
        ProductError, NotReadyError: something does not start.
    """
    async with AsyncExitStack() as stack:
        site = stack.enter_context(Site())
        api = stack.enter_context(product.api())
        fleet = Fleet(product, api, site, [])
        stack.push_async_callback(_stop, fleet)
        for number in range(1, plan.workers + 1):
            worker = SupervisedProcess(
                f"worker-{number}",
                plan.words(number),
                product.variables,
                product.folder,
                ready=_is_ready,
                start=product.starter,
            )
            fleet.workers.append(worker)
            await worker.start()
        await product.api_ready(api)
        await asyncio.gather(*(worker.ready() for worker in fleet.workers))
        yield fleet


async def _is_ready(worker: SupervisedProcess) -> bool:
    return any(line["event"] == READY for line in worker.current.lines())


async def _stop(fleet: Fleet) -> None:
    await asyncio.gather(*(worker.stop() for worker in fleet.workers))
