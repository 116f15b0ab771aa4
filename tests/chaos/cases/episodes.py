"""Episodes: a single fault under load, each with a check at its end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from tests.chaos.cases.faults import FaultEvent, FaultLog
from tests.chaos.cases.kinds import BY_NAME
from tests.chaos.clients.callers import Callers
from tests.chaos.clients.fleet_under_test import FleetUnderTest, now
from tests.chaos.clients.supervised_process import SupervisedProcess
from tests.chaos.clients.waiting import until
from tests.chaos.report.audit import TERMINAL
from tests.chaos.report.recovery import KILL

_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.05
SLOW: Final = BY_NAME["slow address"]

_HELD: Final = "SELECT id, attempt FROM jobs WHERE worker_id = $1::uuid AND state = 'running'"
_RUNNING: Final = "SELECT id, attempt FROM jobs WHERE state = 'running'"
_QUEUED: Final = "SELECT count(*) FROM jobs WHERE state = 'queued'"
_OPEN_OF: Final = """
    SELECT count(*) FROM unnest($1::uuid[], $2::integer[]) AS held (id, attempt) JOIN jobs USING (id)
    WHERE jobs.attempt = held.attempt AND jobs.state = 'running'
"""
_OPEN: Final = "SELECT count(*) FROM jobs WHERE id = ANY($1::uuid[]) AND state IN ('queued', 'running')"
_ENDED_TWICE: Final = """
    SELECT count(*) FROM chaos_trail WHERE job_id = ANY($1::uuid[]) AND new_state = ANY($2::text[])
    GROUP BY job_id HAVING count(*) > 1
"""
_LOST: Final = """
    SELECT count(*) FROM unnest($1::uuid[], $2::integer[]) AS held (id, attempt)
    JOIN attempts ON attempts.job_id = held.id AND attempts.attempt = held.attempt
    WHERE attempts.outcome = 'lost'
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """Result of an episode.

    Attributes:
        shown: what happened, in words.
        holds: whether the check succeeded.
        measured_s: seconds that it measured, by what they are of.
    """

    episode: str
    shown: str
    holds: bool
    measured_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EpisodeContext:
    """What an episode works with."""

    fleet: FleetUnderTest
    callers: Callers
    record: FaultLog

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Query Postgres. It answers: episodes begin without faults, or have restarted it."""
        connection = await asyncpg.connect(self.fleet.environment.database_url, timeout=10)
        try:
            return await connection.fetch(sql, *arguments, timeout=10)
        finally:
            await connection.close()

    async def held_by(self, member: SupervisedProcess) -> list[tuple[UUID, int]]:
        """Wait until a worker runs a job, and submit slow jobs for it. Returns its attempts."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                rows = await self.fetch(_HELD, await self.fleet.worker_id(member))
                if rows:
                    return [(row["id"], row["attempt"]) for row in rows]
                self.callers.begin(SLOW)
                await asyncio.sleep(_LOOK_S * 4)

    async def left(self, held: list[tuple[UUID, int]], timeout_s: float) -> None:
        """Wait until none of these attempts is running any more, or the time is over."""
        pairs = [list(column) for column in zip(*held, strict=True)]
        await until(lambda: self._are_none(_OPEN_OF, *pairs), timeout_s)

    async def still_running(self, held: list[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
        """Those of these attempts that run now."""
        running = {(row["id"], row["attempt"]) for row in await self.fetch(_RUNNING)}
        return [one for one in held if one in running]

    async def ended(self, held: list[tuple[UUID, int]], timeout_s: float) -> None:
        """Wait until these jobs have ended, or the time is over."""
        ids = [job_id for job_id, _ in held]
        await until(lambda: self._are_none(_OPEN, ids), timeout_s)

    async def _are_none(self, sql: str, *arguments: object) -> bool:
        return not (await self.fetch(sql, *arguments))[0]["count"]

    def note_fault(self, kind: str, **facts: str | None) -> FaultEvent:
        """Record the beginning of a fault; the caller sets its end."""
        fault = FaultEvent(kind, now(), **facts)  # type: ignore[arg-type]  # the names are checked by the call
        self.record.fault_events.append(fault)
        return fault


async def redis_gone(episode: EpisodeContext) -> Proof:
    """Redis does not run for a minute. Every POST in that minute is accepted at the first try."""
    scale = episode.fleet.scale
    fault = episode.note_fault("Redis SIGKILL, data lost", detail=f"episode, {scale.redis_gone_s:g} s")
    await episode.fleet.lose_redis()
    episode.callers.begin(SLOW)  # one at least, however slow the machine is
    await asyncio.sleep(scale.redis_gone_s)
    until = now()
    await episode.fleet.start_engine(episode.fleet.engines.redis)
    fault.ended_at = now()
    ledger = episode.callers.ledger
    posts = sum(fault.began_at < call.began_at < until for call in ledger.calls)
    failed = sum(
        refusal.method == "POST" and fault.began_at < refusal.at < until for refusal in ledger.refusals
    )
    shown = f"{failed} of {posts} POSTs failed while Redis was gone for {scale.redis_gone_s:g} s"
    return Proof("Redis gone", shown, failed == 0 and posts > 0)


async def postgres_gone(episode: EpisodeContext) -> Proof:
    """Postgres does not run for longer than a lease. Attempts that ran meanwhile are not repeated."""
    scale = episode.fleet.scale
    for _ in range(scale.workers * scale.pages):
        episode.callers.begin(SLOW)
    held = await episode.held_by(episode.fleet.workers[0])
    held = [(row["id"], row["attempt"]) for row in await episode.fetch(_RUNNING)] or held
    fault = episode.note_fault("Postgres SIGKILL", detail=f"episode, {scale.postgres_gone_s:g} s")
    await episode.fleet.kill_engine(episode.fleet.engines.postgres)
    await asyncio.sleep(scale.postgres_gone_s)
    await episode.fleet.start_engine(episode.fleet.engines.postgres)
    fault.ended_at = now()
    await episode.left(held, scale.lease_s + scale.past_lease_s)
    lost = (await episode.fetch(_LOST, *[list(column) for column in zip(*held, strict=True)]))[0]["count"]
    shown = (
        f"{lost} of {len(held)} attempts that ran were run again after {scale.postgres_gone_s:g} s without "
        f"Postgres (lease {scale.lease_s:g} s)"
    )
    return Proof("Postgres gone", shown, lost == 0)


async def calm_kill(episode: EpisodeContext) -> Proof:
    """A worker is killed and nothing else happens. Its jobs run again within lease + 5 s."""
    scale = episode.fleet.scale
    worst_s = 0.0
    for number in range(scale.calm_kills):
        member = episode.fleet.workers[number % len(episode.fleet.workers)]
        held = await episode.held_by(member)
        process_run = member.current
        fault = episode.note_fault(KILL, worker_id=await episode.fleet.worker_id(member), detail="episode")
        member.send(signal.SIGKILL, reason="SIGKILL")
        await episode.left(held, 2 * scale.recovery_bound_s)
        worst_s = max(worst_s, now() - fault.began_at)
        await member.replaced(process_run)
        fault.ended_at = now()
    shown = f"jobs of {scale.calm_kills} killed workers were taken from them after {worst_s:.1f} s at most"
    return Proof("worker killed in calm", shown, worst_s <= scale.recovery_bound_s)


async def kill_holder(episode: EpisodeContext) -> Proof:
    """A worker is killed while it has jobs. The episode does not wait for them."""
    member = episode.fleet.workers[0]
    held = await episode.held_by(member)
    process_run = member.current
    fault = episode.note_fault(KILL, worker_id=await episode.fleet.worker_id(member), detail="episode")
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(process_run)
    fault.ended_at = now()
    return Proof("holder killed", f"{len(held)} jobs were running on it", bool(held))


async def zombie(episode: EpisodeContext) -> Proof:
    """A worker cannot reach Postgres for longer than its lease, keeps rendering, and then sends results."""
    member = next(one for one in episode.fleet.workers if one.name in episode.fleet.links)
    link = episode.fleet.links[member.name].postgres
    held: list[tuple[UUID, int]] = []
    while not held:  # a job that has ended before the cut brings no result that is too late
        await link.resume()
        running = await episode.held_by(member)
        worker_id = await episode.fleet.worker_id(member)
        began_at = now()
        await link.cut()
        held = await episode.still_running(running)
    fault = episode.note_fault("worker cut off past its lease", worker_id=worker_id, detail="episode")
    fault.began_at = began_at
    # Another worker ends the jobs first: then the old results arrive at the worst time.
    await episode.ended(held, _PATIENCE_S)
    await link.resume()
    fault.ended_at = now()
    ids = {str(job_id) for job_id, _ in held}

    def refused() -> set[str]:
        """The jobs that were its, and whose results the worker had to throw away."""
        thrown_away = (line for line in member.current.lines() if "discarded" in line["event"])
        return {line["job_id"] for line in thrown_away} & ids

    async def has_come() -> bool:
        return bool(refused() or await episode.fetch(_ENDED_TWICE, list(ids), list(TERMINAL)))

    # On a busy machine the worker takes many leases until it has connected again and sent its results.
    await until(has_come, _PATIENCE_S)
    return Proof("zombie", f"{len(refused())} stale results were refused", bool(refused()))


async def flush_of_a_full_queue(episode: EpisodeContext) -> Proof:
    """FLUSHALL empties Redis while many jobs are queued."""
    for _ in range(4 * episode.fleet.scale.workers * episode.fleet.scale.pages):
        episode.callers.begin(SLOW)
    queued = 0
    async with asyncio.timeout(_PATIENCE_S):
        while not queued:
            queued = (await episode.fetch(_QUEUED))[0]["count"]
            await asyncio.sleep(_LOOK_S)
    fault = episode.note_fault("FLUSHALL", detail=f"episode, {queued} queued")
    async with Redis.from_url(episode.fleet.engines.redis_url, socket_timeout=5) as redis:
        await redis.flushall()
    fault.ended_at = now()
    return Proof("flush of a full queue", f"{queued} jobs were queued when Redis forgot them", queued > 0)


Episode = Callable[[EpisodeContext], Awaitable[Proof]]
EPISODES: Final[tuple[Episode, ...]] = (calm_kill, redis_gone, zombie, postgres_gone, flush_of_a_full_queue)
