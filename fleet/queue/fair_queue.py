"""The line: one sorted set in Redis whose scores are virtual time, so that tenants share and nothing starves.

Start-time fair queuing (P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing: A Scheduling Algorithm for
Integrated Services Packet Switching Networks", SIGCOMM 1996, section 2): a job's start tag is
`max(V, F[tenant])`, and then `F[tenant]` becomes that tag plus `1 / weight`. V is the score of the job that
was taken last. So a tenant whose line was empty stands at V, right behind what is being taken, however long
the others' lines are, and tenants with long lines are served in proportion to their weights.

Priority moves a job ahead of its tag by `HEAD_START` jobs a level, or back, and never in front of V: there
the distance is shrunk instead. So a tenant that marks all its jobs as urgent cannot overtake another one's
first job, and a job of priority 0 waits for a bounded number of later ones.

A job that was taken before (a retry, a hand-back) has paid for its turn and stands at V at once.

All of this may be lost at any time: after a flush V and every F start from zero, with the line itself.
"""

import hashlib
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from arq.connections import ArqRedis
from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

LINE: Final = "renderfleet:queue"
CLOCK: Final = "renderfleet:virtual-time"
TAGS: Final = "renderfleet:finish-tags"

DEFAULT_PRIORITY: Final = 5
# Jobs of its own tenant that one level of priority overtakes. With 25, priority 9 passes a hundred.
HEAD_START: Final = 25

# What is in line already keeps its place. %.17g: tags are doubles, and Lua's own format keeps 14 digits.
# A start tag less the head start may lie before V; then 1/1024 of the distance to V is kept, so that a
# tenant's own jobs stay in order and those of a tenant that comes anew, at V itself, go first.
_ENTER: Final = """
local now = tonumber(redis.call('GET', KEYS[2]) or '1')
for i = 1, #ARGV, 5 do
  local id, flow, cost, lead = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  if not redis.call('ZSCORE', KEYS[1], id) then
    local score = now
    if ARGV[i + 4] == '0' then
      local start = math.max(now, tonumber(redis.call('HGET', KEYS[3], flow) or '0'))
      redis.call('HSET', KEYS[3], flow, string.format('%.17g', start + cost))
      score = math.max(start - lead, now + (start - now) / 1024)
    end
    redis.call('ZADD', KEYS[1], string.format('%.17g', score), id)
  end
end
"""
# Once the line is empty nobody is owed anything: forgetting the tags keeps them few.
_TAKE: Final = """
local taken = redis.call('ZPOPMIN', KEYS[1], ARGV[1])
if #taken > 0 then
  local last = tonumber(taken[#taken])
  if last > tonumber(redis.call('GET', KEYS[2]) or '1') then
    redis.call('SET', KEYS[2], string.format('%.17g', last))
  end
end
if redis.call('ZCARD', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
return taken
"""
_KEYS: Final = (LINE, CLOCK, TAGS)


def _digest(script: str) -> str:
    # The name by which Redis knows a script; it protects nothing.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


_ENTER_DIGEST: Final = _digest(_ENTER)
_TAKE_DIGEST: Final = _digest(_TAKE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One id on its way into the line.

    Attributes:
        id: what `take` gives back.
        flow: whose turn it costs: the tenant.
        weight: the tenant's share.
        priority: 0 to 9.
        has_paid: whether it was taken before.
    """

    id: str
    flow: str
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    has_paid: bool = False

    def words(self) -> tuple[str, str, str, str, str]:
        """The script's arguments for this entry."""
        lead = HEAD_START * (self.priority - DEFAULT_PRIORITY)
        return (self.id, self.flow, repr(1 / self.weight), str(lead), str(int(self.has_paid)))


def enter(pipe: "Pipeline", entries: Iterable[Entry], *, by_digest: bool = True) -> None:
    """Add entries to the line as one command of a pipeline.

    Args:
        pipe: runs it with everything else that belongs to it.
        entries: in the order in which they get their tags.
        by_digest: name the script instead of sending its text; Redis answers NOSCRIPT when it knows it not.
    """
    words = [word for entry in entries for word in entry.words()]
    if by_digest:
        pipe.evalsha(_ENTER_DIGEST, len(_KEYS), *_KEYS, *words)
    else:
        pipe.eval(_ENTER, len(_KEYS), *_KEYS, *words)


async def take(redis: ArqRedis, count: int) -> list[str]:
    """At most `count` ids from the front of the line.

    Raises:
        redis.exceptions.RedisError: Redis does not answer; what it took meanwhile is found by the sweeper.
    """
    arguments = (len(_KEYS), *_KEYS, str(count))
    try:
        taken: Any = await cast("Awaitable[Any]", redis.evalsha(_TAKE_DIGEST, *arguments))
    except NoScriptError:  # Redis was restarted or flushed
        taken = await cast("Awaitable[Any]", redis.eval(_TAKE, *arguments))
    return [id_.decode() for id_ in taken[::2]]


async def missing(redis: ArqRedis, ids: Sequence[str]) -> list[str]:
    """Which of these ids the line does not hold.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    if not ids:
        return []
    scores = await redis.zmscore(LINE, list(ids))
    return [word for word, score in zip(ids, scores, strict=True) if score is None]


async def leave(redis: ArqRedis, id_: str) -> None:
    """Take one id out of the line, wherever it stands; one that is not there is fine.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    await redis.zrem(LINE, id_)
