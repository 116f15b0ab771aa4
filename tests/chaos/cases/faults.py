"""A table of faults: for each kind a function that causes the fault and repairs it.

A fault has ended when what it broke runs again. Whether the jobs run again is checked later (`recovery.py`).
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

import psutil
from redis.asyncio import Redis

from deploy.embedded.engines.engine import Engine
from deploy.embedded.processes import process_tree
from tests.chaos.clients.fleet_under_test import FleetUnderTest, now
from tests.chaos.clients.supervised_process import SupervisedProcess
from tests.kit.processes import command_line


class Lane(StrEnum):
    """Faults of one lane happen one after the other; faults of the two lanes overlap."""

    PROCESSES = "processes"
    ENGINES = "engines"


class Hit(StrEnum):
    """Which jobs a fault affects, by their state before it."""

    WORKER = "running on the worker"
    RUNNING = "running"
    OPEN = "queued or running"
    NONE = "none"


@dataclass(slots=True)
class FaultEvent:
    """One fault that happened.

    Attributes:
        kind: its name in the table.
        began_at, ended_at: seconds since 1970; None while it lasts.
        worker_id: of the affected worker.
        detail: what was chosen at random: which process, how long.
    """

    kind: str
    began_at: float
    ended_at: float | None = None
    worker_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What a fault function works with.

    Attributes:
        numbers: random numbers for this fault only.
        fault: the function adds details to it.
    """

    fleet: FleetUnderTest
    numbers: Random
    fault: FaultEvent

    def outage_s(self) -> float:
        """A random duration for an outage."""
        seconds = self.numbers.uniform(*self.fleet.scale.outage_s)
        self.fault.detail = f"{self.fault.detail} {seconds:.1f} s".strip()
        return seconds

    def begin(self) -> None:
        """Mark the beginning of the fault."""
        self.fault.began_at = now()

    async def worker(self, among: Sequence[SupervisedProcess] | None = None) -> SupervisedProcess:
        """Choose a worker, and wait until it is ready."""
        member = self.numbers.choice(among or self.fleet.workers)
        await member.ready()
        self.fault.worker_id = await self.fleet.worker_id(member)
        self.fault.detail = member.name
        self.begin()
        return member

    async def linked_worker(self) -> SupervisedProcess:
        """Choose one of the workers whose network can be cut."""
        wired = [member for member in self.fleet.workers if member.name in self.fleet.links]
        return await self.worker(wired)


async def _kill_worker(context: FaultContext) -> None:
    member = await context.worker()
    process_run = member.current
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(process_run)


async def _terminate_worker(context: FaultContext) -> None:
    member = await context.worker()
    process_run = member.current
    member.send(signal.SIGTERM, reason="SIGTERM")
    await member.replaced(process_run)


async def _freeze_worker(context: FaultContext) -> None:
    member = await context.worker()
    member.send(signal.SIGSTOP)
    await asyncio.sleep(context.fleet.scale.past_lease_s)
    member.send(signal.SIGCONT)


# Parts of Chromium by a word of their command line. Which of them are processes of their own depends on the
# version and on the pages. A fault of a part without a process hits nothing.
_BY_WORD: Final = {
    "GPU process": "--type=gpu-process",
    "network service": "--utility-sub-type=network.mojom.NetworkService",
    "storage service": "--utility-sub-type=storage.mojom.StorageService",
    "utility processes": "--type=utility",
    "zygotes": "--type=zygote",
    "renderers": "--type=renderer",
}
_BROWSER: Final = "browser"
DRIVER: Final = "driver"
PARTS: Final = (_BROWSER, DRIVER, *_BY_WORD)


def _signal(part: str, number: signal.Signals) -> Callable[[FaultContext], Awaitable[None]]:
    """A fault that kills or stops a part of a worker's browser. What is stopped is never continued."""

    async def cause(context: FaultContext) -> None:
        member = await context.worker()
        context.fault.detail += f", {signal_part(member.pid, part, number)} processes"

    return cause


def signal_part(pid: int, part: str, number: signal.Signals) -> int:
    """Send a signal to the processes of a part of a worker's browser. Returns how many there are."""
    pids = _pids_of_part(pid, part)
    for one in pids:
        with suppress(ProcessLookupError):
            os.kill(one, number)
    return len(pids)


def _pids_of_part(pid: int, part: str) -> list[int]:
    browsers = browsers_of(pid)
    if part == _BROWSER:
        return browsers
    with suppress(psutil.NoSuchProcess):
        if part == DRIVER:  # the browser's parent
            return [psutil.Process(browser).ppid() for browser in browsers]
        below = [child for one in browsers for child in psutil.Process(one).children(recursive=True)]
        return [child.pid for child in below if _BY_WORD[part] in command_line(child)]
    return []


def browsers_of(pid: int) -> list[int]:
    """The browser processes of a worker: its Chromium, and the next one during a recycle."""
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    lines = {process.pid: command_line(process) for process in family}
    return [
        pid
        for pid, words in lines.items()
        if any("--user-data-dir" in word for word in words)
        and not any(word.startswith("--type=") for word in words)
    ]


async def _kill_api(context: FaultContext) -> None:
    member = context.numbers.choice(context.fleet.apis)
    context.fault.detail = member.name
    context.begin()
    process_run = member.current
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(process_run)


async def _cut_worker_off(context: FaultContext) -> None:
    """End the connections of a worker, and refuse new ones for a while."""
    member = await context.linked_worker()
    links = context.fleet.links[member.name]
    link = context.numbers.choice((links.postgres, links.redis))
    context.fault.detail += " from Postgres" if link is links.postgres else " from Redis"
    seconds = context.outage_s()
    await link.cut()
    await asyncio.sleep(seconds)
    await link.resume()


async def _isolate_worker(context: FaultContext) -> None:
    """A worker cannot reach Postgres for longer than its lease; it keeps rendering."""
    member = await context.linked_worker()
    link = context.fleet.links[member.name].postgres
    if context.numbers.random() < 0.5:
        await link.cut()
        context.fault.detail += ", refused"
    else:
        link.stall()
        context.fault.detail += ", silent"
    await asyncio.sleep(context.fleet.scale.past_lease_s)
    await link.cut()  # data that was stalled must not arrive later
    await link.resume()


async def _flush_redis(context: FaultContext) -> None:
    context.begin()
    async with Redis.from_url(context.fleet.engines.redis_url, socket_timeout=5) as redis:
        await redis.flushall()


async def _lose_redis(context: FaultContext) -> None:
    context.begin()
    await context.fleet.lose_redis()
    await asyncio.sleep(context.outage_s())
    await context.fleet.start_engine(context.fleet.engines.redis)


async def _freeze_redis(context: FaultContext) -> None:
    await _freeze_engine(context, context.fleet.engines.redis)


async def _freeze_postgres(context: FaultContext) -> None:
    await _freeze_engine(context, context.fleet.engines.postgres)


async def _freeze_engine(context: FaultContext, engine: Engine) -> None:
    context.begin()
    pid = engine.child.pid if engine.child is not None else 0
    pids = [pid, *process_tree.descendants(pid)]
    for each in pids:
        process_tree.send(each, signal.SIGSTOP)
    await asyncio.sleep(context.outage_s())
    for each in pids:
        process_tree.send(each, signal.SIGCONT)


async def _kill_postgres(context: FaultContext) -> None:
    await _kill_engine(context, context.fleet.engines.postgres)


async def _kill_s3(context: FaultContext) -> None:
    await _kill_engine(context, context.fleet.engines.s3)


async def _kill_engine(context: FaultContext, engine: Engine) -> None:
    context.begin()
    await context.fleet.kill_engine(engine)
    await asyncio.sleep(context.outage_s())
    await context.fleet.start_engine(engine)


class FaultKind(NamedTuple):
    """One line of the table.

    Attributes:
        name: in the report.
        share: how often it happens, compared with the others of its lane.
        cause: causes it, and returns when what it broke runs again.
        hit: which jobs it affects.
    """

    name: str
    lane: Lane
    share: float
    cause: Callable[[FaultContext], Awaitable[None]]
    hit: Hit


KINDS: Final = (
    FaultKind("worker SIGKILL", Lane.PROCESSES, 5, _kill_worker, Hit.WORKER),
    FaultKind("worker SIGTERM", Lane.PROCESSES, 4, _terminate_worker, Hit.WORKER),
    FaultKind("worker SIGSTOP past its lease", Lane.PROCESSES, 1.5, _freeze_worker, Hit.WORKER),
    FaultKind("worker cut off past its lease", Lane.PROCESSES, 1.5, _isolate_worker, Hit.WORKER),
    FaultKind("worker cut off for a moment", Lane.PROCESSES, 3, _cut_worker_off, Hit.WORKER),
    FaultKind("browser SIGKILL", Lane.PROCESSES, 4, _signal(_BROWSER, signal.SIGKILL), Hit.WORKER),
    FaultKind("browser SIGSTOP", Lane.PROCESSES, 1, _signal(_BROWSER, signal.SIGSTOP), Hit.WORKER),
    *(
        FaultKind(f"{part} {number.name}", Lane.PROCESSES, 0.6, _signal(part, number), Hit.WORKER)
        for part in PARTS[1:]
        for number in (signal.SIGKILL, signal.SIGSTOP)
    ),
    FaultKind("API SIGKILL", Lane.PROCESSES, 4, _kill_api, Hit.NONE),
    FaultKind("FLUSHALL", Lane.ENGINES, 3, _flush_redis, Hit.OPEN),
    FaultKind("Redis SIGKILL, data lost", Lane.ENGINES, 3, _lose_redis, Hit.OPEN),
    FaultKind("Redis frozen", Lane.ENGINES, 2, _freeze_redis, Hit.OPEN),
    FaultKind("Postgres SIGKILL", Lane.ENGINES, 3, _kill_postgres, Hit.RUNNING),
    FaultKind("Postgres frozen", Lane.ENGINES, 1, _freeze_postgres, Hit.RUNNING),
    FaultKind("S3 SIGKILL", Lane.ENGINES, 2, _kill_s3, Hit.RUNNING),
)


@dataclass(slots=True)
class FaultLog:
    """All faults of a run, in the order of their beginning."""

    fault_events: list[FaultEvent] = field(default_factory=list)

    @property
    def active(self) -> list[FaultEvent]:
        """The faults that have not ended."""
        return [fault for fault in self.fault_events if fault.ended_at is None]

    async def cause(self, kind: FaultKind, fleet: FleetUnderTest, numbers: Random) -> FaultEvent:
        """Cause a fault, and record when it began and ended."""
        fault = FaultEvent(kind.name, now())
        self.fault_events.append(fault)
        await kind.cause(FaultContext(fleet, numbers, fault))
        fault.ended_at = now()
        return fault
