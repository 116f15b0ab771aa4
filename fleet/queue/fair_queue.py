"""Who is next: tenants take turns in virtual time, and priorities order the jobs of one tenant only.

Between tenants this is start-time fair queuing (P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing: A
Scheduling Algorithm for Integrated Services Packet Switching Networks", SIGCOMM 1996, section 2). Each tenant
that waits has one start tag, for its next job. The tenant with the least tag is next: virtual time becomes
its tag, and the tag grows by `1 / weight`. A tenant that begins to wait gets the larger one of virtual time
and its last tag. So:

- virtual time moves by what was taken, never by how many jobs wait or how urgent they are;
- whatever a tenant has queued, cancelled or been served before: when it begins to wait, at most
  `max(1, ceil(other weight / own weight))` jobs of each other tenant are taken before its first one;
- if all others were served since it was, its job is the next one, after those of tenants that came the same
  way before it;
- tenants that go on waiting are served in proportion to their weights.

Within a tenant a job stands where it arrived, moved ahead or back by `HEAD_START` jobs for each level of
priority. So a job of priority 0 waits for a bounded number of later ones.

All ids are members of one sorted set, in which each tenant has a range of scores of its own: the first id in
the range is the tenant's next job. All of this may be lost at any time: after a flush every tag starts from
zero, with the queue itself.
"""

import hashlib
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from arq.connections import ArqRedis
from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

# A sorted set of all ids.
QUEUE: Final = "renderfleet:queue"
# A sorted set of the tenants that wait; the score is the start tag of a tenant's next job.
TURNS: Final = "renderfleet:turns"
# A hash: virtual time (`clock`), and of each tenant its number (which range of scores it has), its start tag,
# the cost of one of its turns, and how many jobs have arrived since it began to wait.
TENANTS: Final = "renderfleet:queue-tenants"

DEFAULT_PRIORITY: Final = 5
# Jobs of its own tenant that one level of priority overtakes. With 25, priority 9 passes a hundred.
HEAD_START: Final = 25

# Scores are doubles, exact up to 2^53: ranges for 2^18 tenants, each with places for 2^34 jobs that arrive in
# the usual way and as many that go first. %.17g: Lua's own format keeps 14 digits of a number.
#
# Who comes first goes first: each tenant that begins to wait moves virtual time by ARRIVAL, a millionth of a
# turn, so that no two tags are alike. A tenant that goes on waiting stands RETURN, a thousandth of a turn,
# behind its tag: of two tags that are alike the one of a tenant that begins to wait is the lesser one.
_HEAD: Final = """
local QUEUE, TURNS, TENANTS = KEYS[1], KEYS[2], KEYS[3]
local RANGE, USUAL, ARRIVAL, RETURN = 2 ^ 35, 2 ^ 34, 2 ^ -20, 2 ^ -10
local function exact(number) return string.format('%.17g', number) end
local function read(tenant)
  local clock, number, start, cost, arrived = unpack(redis.call('HMGET', TENANTS, 'clock',
    tenant .. ':number', tenant .. ':start', tenant .. ':cost', tenant .. ':arrived'))
  return tonumber(clock or '0'), tonumber(number or '0'), tonumber(start or '0'), tonumber(cost or '1'),
         tonumber(arrived or '0')
end
local function first_ids(number, count)
  return redis.call('ZRANGEBYSCORE', QUEUE, exact(number * RANGE), exact((number + 1) * RANGE - 1),
                    'LIMIT', 0, count)
end
"""
# When nothing waits nobody is owed anything: forgetting the tags keeps them few. What waits already keeps its
# place. Of a turn that was paid and not used the price is given back.
_ENTER: Final = f"""{_HEAD}
if redis.call('ZCARD', QUEUE) == 0 then redis.call('DEL', TURNS, TENANTS) end
for i = 1, #ARGV, 6 do
  local id, tenant, cost, lead, goes_first, is_paid = unpack(ARGV, i, i + 5)
  if not redis.call('ZSCORE', QUEUE, id) then
    local clock, number, start, _, arrived = read(tenant)
    if number == 0 then number = redis.call('HINCRBY', TENANTS, 'numbers', 1) end
    local begins = #first_ids(number, 1) == 0
    if begins then clock, arrived = clock + ARRIVAL, 0 end
    if is_paid == '1' then start = start - cost end
    if begins or is_paid == '1' then
      start = math.max(clock, start)
      redis.call('ZADD', TURNS, exact(start), tenant)
    end
    arrived = arrived + 1
    local place = goes_first == '1' and arrived or USUAL + arrived - lead
    redis.call('ZADD', QUEUE, exact(number * RANGE + place), id)
    redis.call('HSET', TENANTS, 'clock', exact(clock), tenant .. ':number', number,
               tenant .. ':start', exact(start), tenant .. ':cost', cost,
               tenant .. ':arrived', exact(arrived))
  end
end
"""
# Ids to which no tenant's turn leads come last: they are there only if part of the keys was lost.
_TAKE: Final = f"""{_HEAD}
local taken, count = {{}}, tonumber(ARGV[1])
while #taken < count do
  local tenant = redis.call('ZRANGE', TURNS, 0, 0)[1]
  if not tenant then break end
  local clock, number, start, cost = read(tenant)
  local ids = first_ids(number, 2)
  if ids[1] then
    redis.call('ZREM', QUEUE, ids[1])
    taken[#taken + 1] = ids[1]
    clock = math.max(clock, start)
    start = start + cost
    redis.call('HSET', TENANTS, 'clock', exact(clock), tenant .. ':start', exact(start))
  end
  if ids[2] then
    redis.call('ZADD', TURNS, exact(start + RETURN), tenant)
  else
    redis.call('ZREM', TURNS, tenant)
  end
end
if #taken < count then
  local rest = redis.call('ZPOPMIN', QUEUE, count - #taken)
  for i = 1, #rest, 2 do taken[#taken + 1] = rest[i] end
end
return taken
"""
_KEYS: Final = (QUEUE, TURNS, TENANTS)


def _digest(script: str) -> str:
    # The name by which Redis knows a script; it protects nothing.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


_ENTER_DIGEST: Final = _digest(_ENTER)
_TAKE_DIGEST: Final = _digest(_TAKE)


@dataclass(frozen=True, slots=True)
class QueuedId:
    """One id on its way into the queue.

    Attributes:
        id: what `take` gives back.
        tenant: whose turn it costs.
        weight: the tenant's share; what its latest entry says holds for all of its jobs.
        priority: 0 to 9.
        goes_first: whether it stands in front of the tenant's other jobs.
        is_paid: whether it was taken before and nothing was rendered: then that turn is given back.
    """

    id: str
    tenant: str
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    goes_first: bool = False
    is_paid: bool = False

    def words(self) -> tuple[str, str, str, str, str, str]:
        """The script's arguments for this entry."""
        lead = HEAD_START * (self.priority - DEFAULT_PRIORITY)
        flags = (str(int(self.goes_first)), str(int(self.is_paid)))
        return (self.id, self.tenant, repr(1 / self.weight), str(lead), *flags)


def enter(pipe: "Pipeline", entries: Iterable[QueuedId], *, by_digest: bool = True) -> None:
    """Add entries to the queue as one command of a pipeline.

    Args:
        pipe: runs it with everything else that belongs to it.
        entries: in the order in which they arrived.
        by_digest: name the script instead of sending its text; Redis answers NOSCRIPT when it knows it not.
    """
    words = [word for entry in entries for word in entry.words()]
    if by_digest:
        pipe.evalsha(_ENTER_DIGEST, len(_KEYS), *_KEYS, *words)
    else:
        pipe.eval(_ENTER, len(_KEYS), *_KEYS, *words)


async def take(redis: ArqRedis, count: int) -> list[str]:
    """At most `count` ids, those whose turn it is.

    Raises:
        redis.exceptions.RedisError: Redis does not answer; what it took meanwhile is found by the sweeper.
    """
    arguments = (len(_KEYS), *_KEYS, str(count))
    try:
        taken: Any = await cast("Awaitable[Any]", redis.evalsha(_TAKE_DIGEST, *arguments))
    except NoScriptError:  # Redis was restarted or flushed
        taken = await cast("Awaitable[Any]", redis.eval(_TAKE, *arguments))
    return [id_.decode() for id_ in taken]


async def missing(redis: ArqRedis, ids: Sequence[str]) -> list[str]:
    """Which of these ids the queue does not hold.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    if not ids:
        return []
    scores = await redis.zmscore(QUEUE, list(ids))
    return [word for word, score in zip(ids, scores, strict=True) if score is None]


async def leave(redis: ArqRedis, *ids: str) -> None:
    """Take ids out of the queue, wherever they stand; those that are not there are fine.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    if ids:
        await redis.zrem(QUEUE, *ids)
