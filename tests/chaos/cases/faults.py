"""What can go wrong, as a table: each kind of fault is one function that does it and undoes it.

A fault has ended when what it broke runs again; whether the jobs do is looked at afterwards (`recovery.py`).
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
from tests.chaos.clients.member import Member
from tests.chaos.clients.world import World, now
from tests.kit.processes import command_line


class Lane(StrEnum):
    """Faults of one lane come one after the other; the two lanes overlap."""

    PROCESSES = "processes"
    ENGINES = "engines"


class Hit(StrEnum):
    """Which jobs a fault touches, as of the moment before it."""

    WORKER = "running on the worker"
    RUNNING = "running"
    OPEN = "queued or running"
    NONE = "none"


@dataclass(slots=True)
class Injury:
    """One fault as it happened.

    Attributes:
        kind: its name in the table.
        began_at, ended_at: seconds since 1970; None while it lasts.
        worker_id: of the worker that it hit.
        detail: what was chosen: which process, how long.
    """

    kind: str
    began_at: float
    ended_at: float | None = None
    worker_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Strike:
    """What a fault function is given.

    Attributes:
        numbers: random, of this fault alone.
        injury: what it fills in.
    """

    world: World
    numbers: Random
    injury: Injury

    def outage_s(self) -> float:
        """How long something stays away."""
        seconds = self.numbers.uniform(*self.world.scale.outage_s)
        self.injury.detail = f"{self.injury.detail} {seconds:.1f} s".strip()
        return seconds

    def begin(self) -> None:
        """From now on it counts."""
        self.injury.began_at = now()

    async def worker(self, among: Sequence[Member] | None = None) -> Member:
        """One of the workers, which is ready."""
        member = self.numbers.choice(among or self.world.workers)
        await member.ready()
        self.injury.worker_id = await self.world.worker_id(member)
        self.injury.detail = member.name
        self.begin()
        return member

    async def wired_worker(self) -> Member:
        """One of those whose network can be cut."""
        wired = [member for member in self.world.workers if member.name in self.world.cables]
        return await self.worker(wired)


async def _kill_worker(strike: Strike) -> None:
    member = await strike.worker()
    life = member.life
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(life)


async def _terminate_worker(strike: Strike) -> None:
    member = await strike.worker()
    life = member.life
    member.send(signal.SIGTERM, reason="SIGTERM")
    await member.replaced(life)


async def _freeze_worker(strike: Strike) -> None:
    member = await strike.worker()
    member.send(signal.SIGSTOP)
    await asyncio.sleep(strike.world.scale.past_lease_s)
    member.send(signal.SIGCONT)


async def _kill_browser(strike: Strike) -> None:
    member = await strike.worker()
    for pid in browsers_of(member.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# Parts of Chromium by a word of their command line. Playwright's driver is the browser's parent.
_PARTS: Final = {
    "GPU process": "--type=gpu-process",
    "network service": "--utility-sub-type=network.mojom.NetworkService",
    "zygotes": "--type=zygote",
    "renderers": "--type=renderer",
}
_BROWSER: Final = "browser"
_DRIVER: Final = "driver"


async def _kill_part(strike: Strike) -> None:
    await _signal_part(strike, [*_PARTS, _DRIVER], signal.SIGKILL)


async def _stop_part(strike: Strike) -> None:
    """What was stopped is not continued: the product has to notice."""
    await _signal_part(strike, [*_PARTS, _BROWSER, _DRIVER], signal.SIGSTOP)


async def _signal_part(strike: Strike, parts: Sequence[str], number: signal.Signals) -> None:
    member = await strike.worker()
    part = strike.numbers.choice(parts)
    strike.injury.detail += f", {part}"
    for pid in _pids_of_part(member.pid, part):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids_of_part(pid: int, part: str) -> list[int]:
    browsers = browsers_of(pid)
    with suppress(psutil.NoSuchProcess):
        if part == _DRIVER:
            return [psutil.Process(browser).ppid() for browser in browsers]
        if part in _PARTS:
            below = [child for one in browsers for child in psutil.Process(one).children(recursive=True)]
            return [child.pid for child in below if _PARTS[part] in command_line(child)]
    return browsers


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


async def _kill_api(strike: Strike) -> None:
    member = strike.numbers.choice(strike.world.apis)
    strike.injury.detail = member.name
    strike.begin()
    life = member.life
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(life)


async def _cut_worker_off(strike: Strike) -> None:
    """Connections are ended and refused."""
    member = await strike.wired_worker()
    cables = strike.world.cables[member.name]
    cable = strike.numbers.choice((cables.postgres, cables.redis))
    strike.injury.detail += " from Postgres" if cable is cables.postgres else " from Redis"
    seconds = strike.outage_s()
    await cable.cut()
    await asyncio.sleep(seconds)
    await cable.resume()


async def _isolate_worker(strike: Strike) -> None:
    """Postgres is out of one worker's reach for longer than its lease; it renders on."""
    member = await strike.wired_worker()
    cable = strike.world.cables[member.name].postgres
    if strike.numbers.random() < 0.5:
        await cable.cut()
        strike.injury.detail += ", refused"
    else:
        cable.stall()
        strike.injury.detail += ", silent"
    await asyncio.sleep(strike.world.scale.past_lease_s)
    await cable.cut()  # what a silence has held back must not arrive after all
    await cable.resume()


async def _flush_redis(strike: Strike) -> None:
    strike.begin()
    async with Redis.from_url(strike.world.engines.redis_url, socket_timeout=5) as redis:
        await redis.flushall()


async def _lose_redis(strike: Strike) -> None:
    strike.begin()
    await strike.world.lose_redis()
    await asyncio.sleep(strike.outage_s())
    await strike.world.start_engine(strike.world.engines.redis)


async def _freeze_redis(strike: Strike) -> None:
    await _freeze_engine(strike, strike.world.engines.redis)


async def _freeze_postgres(strike: Strike) -> None:
    await _freeze_engine(strike, strike.world.engines.postgres)


async def _freeze_engine(strike: Strike, engine: Engine) -> None:
    strike.begin()
    pid = engine.child.pid if engine.child is not None else 0
    pids = [pid, *process_tree.descendants(pid)]
    for each in pids:
        process_tree.send(each, signal.SIGSTOP)
    await asyncio.sleep(strike.outage_s())
    for each in pids:
        process_tree.send(each, signal.SIGCONT)


async def _kill_postgres(strike: Strike) -> None:
    await _kill_engine(strike, strike.world.engines.postgres)


async def _kill_s3(strike: Strike) -> None:
    await _kill_engine(strike, strike.world.engines.s3)


async def _kill_engine(strike: Strike, engine: Engine) -> None:
    strike.begin()
    await strike.world.kill_engine(engine)
    await asyncio.sleep(strike.outage_s())
    await strike.world.start_engine(engine)


class FaultKind(NamedTuple):
    """One line of the table.

    Attributes:
        name: as the report calls it.
        share: how often, against the others of its lane.
        inflict: does it, and returns when what it broke runs again.
        hit: whose jobs it touches.
    """

    name: str
    lane: Lane
    share: float
    inflict: Callable[[Strike], Awaitable[None]]
    hit: Hit


KINDS: Final = (
    FaultKind("worker SIGKILL", Lane.PROCESSES, 5, _kill_worker, Hit.WORKER),
    FaultKind("worker SIGTERM", Lane.PROCESSES, 4, _terminate_worker, Hit.WORKER),
    FaultKind("worker SIGSTOP past its lease", Lane.PROCESSES, 1.5, _freeze_worker, Hit.WORKER),
    FaultKind("worker cut off past its lease", Lane.PROCESSES, 1.5, _isolate_worker, Hit.WORKER),
    FaultKind("worker cut off for a moment", Lane.PROCESSES, 3, _cut_worker_off, Hit.WORKER),
    FaultKind("browser SIGKILL", Lane.PROCESSES, 4, _kill_browser, Hit.WORKER),
    FaultKind("part of the browser SIGKILL", Lane.PROCESSES, 4, _kill_part, Hit.WORKER),
    FaultKind("part of the browser SIGSTOP", Lane.PROCESSES, 4, _stop_part, Hit.WORKER),
    FaultKind("API SIGKILL", Lane.PROCESSES, 4, _kill_api, Hit.NONE),
    FaultKind("FLUSHALL", Lane.ENGINES, 3, _flush_redis, Hit.OPEN),
    FaultKind("Redis SIGKILL, data lost", Lane.ENGINES, 3, _lose_redis, Hit.OPEN),
    FaultKind("Redis frozen", Lane.ENGINES, 2, _freeze_redis, Hit.OPEN),
    FaultKind("Postgres SIGKILL", Lane.ENGINES, 3, _kill_postgres, Hit.RUNNING),
    FaultKind("Postgres frozen", Lane.ENGINES, 1, _freeze_postgres, Hit.RUNNING),
    FaultKind("S3 SIGKILL", Lane.ENGINES, 2, _kill_s3, Hit.RUNNING),
)


@dataclass(slots=True)
class Record:
    """All faults of a run, in order of their beginning."""

    injuries: list[Injury] = field(default_factory=list)

    @property
    def active(self) -> list[Injury]:
        """Those that last."""
        return [injury for injury in self.injuries if injury.ended_at is None]

    async def inflict(self, kind: FaultKind, world: World, numbers: Random) -> Injury:
        """Do it, and note when it began and ended."""
        injury = Injury(kind.name, now())
        self.injuries.append(injury)
        await kind.inflict(Strike(world, numbers, injury))
        injury.ended_at = now()
        return injury
