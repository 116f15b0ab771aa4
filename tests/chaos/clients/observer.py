"""Checks once a second, while faults happen: how many jobs are open, and whether two invariants hold.

`docs/chaos.md` describes the invariants and their exceptions.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from fleet.queue.arq_adapter import QUEUE
from tests.chaos.cases.faults import FaultEvent, FaultLog
from tests.chaos.clients.callers import Ledger
from tests.chaos.clients.fleet_under_test import FleetUnderTest, now

_LOOK_TIMEOUT_S: Final = 4.0
# InternalClientError: asyncpg raises it when the server sends an error before it closes an idle connection.
AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    RedisError,
)

_COUNT: Final = """
    SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
           count(*) FILTER (WHERE state = 'running') AS running,
           count(*) FILTER (WHERE state NOT IN ('queued', 'running')) AS ended FROM jobs
"""
_FORGOTTEN: Final = """
    SELECT id, attempt, extract(epoch FROM now() - lease_until)::float8 AS late_s FROM jobs
    WHERE state = 'running' AND lease_until < now() - $1 * interval '1 s'
"""
# Jobs that are due and that were not dispatched to Redis for so long.
_WAITING: Final = """
    SELECT id, dispatch FROM jobs
    WHERE state = 'queued' AND NOT parked AND NOT cancel_requested
      AND greatest(queued_at, run_after, dispatched_at) < now() - $1 * interval '1 s'
"""
_STILL: Final = "SELECT state = 'queued' AND dispatch = $2 FROM jobs WHERE id = $1"

LEASES: Final = "no lease expired beyond one sweep"
LINE: Final = "no due row absent from Redis beyond two sweeps"
_POSTGRES: Final = ("Postgres",)
_REDIS: Final = ("Redis", "FLUSHALL")


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of jobs and faults at one time."""

    at: float
    accepted: int
    ended: int
    queued: int
    running: int
    faults: int


@dataclass(slots=True)
class Invariant:
    """An invariant.

    Attributes:
        looks: how often it was to be checked.
        excused: how often it was not checked, because of a fault that may break it.
        broken: in which cases it did not hold.
    """

    name: str
    looks: int = 0
    excused: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Observer:
    """Checks once a second, over a connection of its own that no fault cuts.

    Attributes:
        blind: how often Postgres did not answer.
    """

    fleet: FleetUnderTest
    ledger: Ledger
    record: FaultLog
    samples: list[Sample] = field(default_factory=list)
    leases: Invariant = field(default_factory=lambda: Invariant(LEASES))
    line: Invariant = field(default_factory=lambda: Invariant(LINE))
    blind: int = 0
    _connection: "asyncpg.Connection[asyncpg.Record] | None" = None
    _absent_since: dict[tuple[UUID, int], float] = field(default_factory=dict)

    @property
    def open_jobs(self) -> int:
        """How many jobs were queued and running at the last check."""
        return self.samples[-1].queued + self.samples[-1].running if self.samples else 0

    async def check_each_second(self) -> None:
        """Check once a second, until cancelled."""
        due = now()
        try:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_TIMEOUT_S):
                        await self._check_once()
                except AWAY:
                    self._forget_connection()
                    self.blind += 1
                due = max(due + 1, now())
                await asyncio.sleep(due - now())
        finally:
            self._forget_connection()

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _check_once(self) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(self.fleet.environment.database_url, timeout=2)
        counts = await self._connection.fetchrow(_COUNT)
        assert counts is not None
        accepted = len(self.ledger.accepted)
        ended, queued, running = counts["ended"], counts["queued"], counts["running"]
        faults = len(self.record.active)
        self.samples.append(Sample(now(), accepted, ended, queued, running, faults))
        await self._check_leases(self._connection)
        await self._check_queue(self._connection)

    async def _check_leases(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        scale = self.fleet.scale
        bound_s = scale.sweep_bound_s + self.fleet.scale.margin_s
        # After an outage of Postgres a sweeper waits for one lease. An outage of Redis delays a sweep.
        after_s = {_POSTGRES: scale.lease_s + bound_s + scale.sweep_bound_s, _REDIS: bound_s + 3}
        if self._is_excused(self.leases, after_s):
            return
        for row in await connection.fetch(_FORGOTTEN, bound_s):
            self.leases.broken.append(
                f"job {row['id']}, attempt {row['attempt']}: {row['late_s']:.1f} s late"
            )

    async def _check_queue(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        two_sweeps_s = 2 * self.fleet.scale.sweep_bound_s
        bound_s = two_sweeps_s + self.fleet.scale.margin_s
        if self._is_excused(self.line, {_POSTGRES: bound_s, _REDIS: bound_s + 3}):
            self._absent_since.clear()
            return
        waiting = [(row["id"], row["dispatch"]) for row in await connection.fetch(_WAITING, two_sweeps_s)]
        absent = set(await self._absent(waiting))
        self._absent_since = {pair: self._absent_since.get(pair, now()) for pair in absent}
        for pair, since in list(self._absent_since.items()):
            if now() - since > bound_s and await connection.fetchval(_STILL, *pair):
                self.line.broken.append(
                    f"job {pair[0]}, dispatch {pair[1]}: absent for {now() - since:.1f} s"
                )
                del self._absent_since[pair]

    async def _absent(self, waiting: Sequence[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
        if not waiting:
            return []
        async with Redis.from_url(self.fleet.engines.redis_url, socket_timeout=2) as redis:
            scores: list[Any] = await redis.zmscore(QUEUE, [f"{job}:{dispatch}" for job, dispatch in waiting])
        return [pair for pair, score in zip(waiting, scores, strict=True) if score is None]

    def _is_excused(self, invariant: Invariant, after_s: dict[tuple[str, ...], float]) -> bool:
        invariant.looks += 1
        for heads, seconds in after_s.items():
            if any(
                fault.kind.startswith(heads) and _lasts(fault, seconds) for fault in self.record.fault_events
            ):
                invariant.excused += 1
                return True
        return False


def _lasts(fault: FaultEvent, after_s: float) -> bool:
    return fault.ended_at is None or now() < fault.ended_at + after_s
