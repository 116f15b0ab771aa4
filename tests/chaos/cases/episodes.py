"""Scripted episodes: one fault alone, while the load goes on, with something to prove at its end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from tests.chaos.cases.faults import Injury, Record
from tests.chaos.cases.kinds import BY_NAME
from tests.chaos.clients.callers import Callers
from tests.chaos.clients.member import Member
from tests.chaos.clients.patience import until
from tests.chaos.clients.world import World, now
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
_LOST: Final = """
    SELECT count(*) FROM unnest($1::uuid[], $2::integer[]) AS held (id, attempt)
    JOIN attempts ON attempts.job_id = held.id AND attempts.attempt = held.attempt
    WHERE attempts.outcome = 'lost'
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an episode showed."""

    episode: str
    shown: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """What an episode plays with."""

    world: World
    callers: Callers
    record: Record

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask Postgres, which answers: episodes begin in calm, or have restarted it."""
        connection = await asyncpg.connect(self.world.ground.database_url, timeout=10)
        try:
            return await connection.fetch(sql, *arguments, timeout=10)
        finally:
            await connection.close()

    async def held_by(self, member: Member) -> list[tuple[UUID, int]]:
        """Wait until a worker runs something slow, seeing to it that there is; what it runs."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                rows = await self.fetch(_HELD, await self.world.worker_id(member))
                if rows:
                    return [(row["id"], row["attempt"]) for row in rows]
                self.callers.begin(SLOW)
                await asyncio.sleep(_LOOK_S * 4)

    async def left(self, held: list[tuple[UUID, int]], timeout_s: float) -> None:
        """Wait until none of these attempts runs any more, or the time is over; the trail tells which."""
        pairs = [list(column) for column in zip(*held, strict=True)]
        await until(lambda: self._are_none(_OPEN_OF, *pairs), timeout_s)

    async def ended(self, held: list[tuple[UUID, int]], timeout_s: float) -> None:
        """Wait until these jobs have ended, or the time is over."""
        ids = [job_id for job_id, _ in held]
        await until(lambda: self._are_none(_OPEN, ids), timeout_s)

    async def _are_none(self, sql: str, *arguments: object) -> bool:
        return not (await self.fetch(sql, *arguments))[0]["count"]

    def injured(self, kind: str, **facts: str | None) -> Injury:
        """Note the beginning of a fault; the caller sets its end."""
        injury = Injury(kind, now(), **facts)  # type: ignore[arg-type]  # the names are checked by the call
        self.record.injuries.append(injury)
        return injury


async def redis_gone(stage: Stage) -> Proof:
    """Redis is away for a minute: every POST of that minute is accepted at the first try."""
    scale = stage.world.scale
    injury = stage.injured("Redis SIGKILL, data lost", detail=f"episode, {scale.redis_gone_s:g} s")
    await stage.world.lose_redis()
    await asyncio.sleep(scale.redis_gone_s)
    until = now()
    await stage.world.start_engine(stage.world.engines.redis)
    injury.ended_at = now()
    ledger = stage.callers.ledger
    posts = sum(injury.began_at < call.began_at < until for call in ledger.calls)
    failed = sum(
        refusal.method == "POST" and injury.began_at < refusal.at < until for refusal in ledger.refusals
    )
    shown = f"{failed} of {posts} POSTs failed while Redis was gone for {scale.redis_gone_s:g} s"
    return Proof("Redis gone", shown, failed == 0 and posts > 0)


async def postgres_gone(stage: Stage) -> Proof:
    """Postgres is away for longer than a lease: what ran meanwhile is not run again."""
    scale = stage.world.scale
    for _ in range(scale.workers * scale.pages):
        stage.callers.begin(SLOW)
    held = await stage.held_by(stage.world.workers[0])
    held = [(row["id"], row["attempt"]) for row in await stage.fetch(_RUNNING)] or held
    injury = stage.injured("Postgres SIGKILL", detail=f"episode, {scale.postgres_gone_s:g} s")
    await stage.world.kill_engine(stage.world.engines.postgres)
    await asyncio.sleep(scale.postgres_gone_s)
    await stage.world.start_engine(stage.world.engines.postgres)
    injury.ended_at = now()
    await stage.left(held, scale.lease_s + scale.past_lease_s)
    lost = (await stage.fetch(_LOST, *[list(column) for column in zip(*held, strict=True)]))[0]["count"]
    shown = (
        f"{lost} of {len(held)} attempts that ran were run again after {scale.postgres_gone_s:g} s without "
        f"Postgres (lease {scale.lease_s:g} s)"
    )
    return Proof("Postgres gone", shown, lost == 0)


async def calm_kill(stage: Stage) -> Proof:
    """A worker is killed and nothing else happens: its jobs run again within lease + 5 s."""
    scale = stage.world.scale
    worst_s = 0.0
    for number in range(scale.calm_kills):
        member = stage.world.workers[number % len(stage.world.workers)]
        held = await stage.held_by(member)
        life = member.life
        injury = stage.injured(KILL, worker_id=await stage.world.worker_id(member), detail="episode")
        member.send(signal.SIGKILL, reason="SIGKILL")
        await stage.left(held, 2 * scale.recovery_bound_s)
        worst_s = max(worst_s, now() - injury.began_at)
        await member.replaced(life)
        injury.ended_at = now()
    shown = f"jobs of {scale.calm_kills} killed workers were taken from them after {worst_s:.1f} s at most"
    return Proof("worker killed in calm", shown, worst_s <= scale.recovery_bound_s)


async def kill_holder(stage: Stage) -> Proof:
    """A worker is killed in the middle of its jobs; nobody waits for them."""
    member = stage.world.workers[0]
    held = await stage.held_by(member)
    life = member.life
    injury = stage.injured(KILL, worker_id=await stage.world.worker_id(member), detail="episode")
    member.send(signal.SIGKILL, reason="SIGKILL")
    await member.replaced(life)
    injury.ended_at = now()
    return Proof("holder killed", f"{len(held)} jobs were running on it", bool(held))


async def zombie(stage: Stage) -> Proof:
    """A worker cannot reach Postgres for longer than its lease, renders on, and comes back with results."""
    member = next(one for one in stage.world.workers if one.name in stage.world.cables)
    cable = stage.world.cables[member.name].postgres
    held = await stage.held_by(member)
    worker_id = await stage.world.worker_id(member)
    injury = stage.injured("worker cut off past its lease", worker_id=worker_id, detail="episode")
    await cable.cut()
    await stage.left(held, 2 * stage.world.scale.past_lease_s)
    # Let somebody else end them first: the worst moment for the old results to arrive.
    await stage.ended(held, 2 * stage.world.scale.past_lease_s)
    await cable.resume()
    injury.ended_at = now()

    mine = {str(job_id) for job_id, _ in held}

    async def has_come_back() -> bool:
        events = [line["event"] for line in member.life.lines() if line.get("job_id") in mine]
        return any("discarded" in event or event == "job ended" for event in events)

    await until(has_come_back, stage.world.scale.past_lease_s)
    refused = sum("discarded" in line["event"] for line in member.life.lines())
    return Proof("zombie", f"{refused} stale results were refused", refused > 0)


async def flush_of_a_full_line(stage: Stage) -> Proof:
    """FLUSHALL while many jobs are queued."""
    for _ in range(4 * stage.world.scale.workers * stage.world.scale.pages):
        stage.callers.begin(SLOW)
    queued = 0
    async with asyncio.timeout(_PATIENCE_S):
        while not queued:
            queued = (await stage.fetch(_QUEUED))[0]["count"]
            await asyncio.sleep(_LOOK_S)
    injury = stage.injured("FLUSHALL", detail=f"episode, {queued} queued")
    async with Redis.from_url(stage.world.engines.redis_url, socket_timeout=5) as redis:
        await redis.flushall()
    injury.ended_at = now()
    return Proof("flush of a full line", f"{queued} jobs were queued when Redis forgot them", queued > 0)


Episode = Callable[[Stage], Awaitable[Proof]]
EPISODES: Final[tuple[Episode, ...]] = (calm_kill, redis_gone, zombie, postgres_gone, flush_of_a_full_line)
