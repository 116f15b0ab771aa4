"""Who is next: tenants take turns in virtual time, and priorities order the jobs of one tenant only.

Between tenants this is start-time fair queuing (P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queuing: A
Scheduling Algorithm for Integrated Services Packet Switching Networks", SIGCOMM 1996, section 2). Each tenant
that has queued jobs has a start tag, which is for its next job. The tenant with the smallest tag is next:
virtual time becomes this tag, and then the tag grows by `1 / weight`. A tenant that has no queued job gets a
tag with its next one: virtual time, or its last tag if that is larger. This has the following effects:

- Virtual time follows the jobs that are taken. It does not matter how many jobs are queued, or how
  urgent they are.
- Whatever a tenant has queued, cancelled or rendered before: from the moment when it has a queued job again,
  at most `max(1, ceil(other weight / own weight))` jobs of each other tenant are taken before its first one.
- If a job of each other tenant has been taken since the tenant's last one, its job is the next one, after
  those of tenants that came before it in the same way.
- Tenants that always have queued jobs are served in proportion to their weights.

Jobs of the same tenant are taken in the order in which they arrived, but each level of priority moves a job
ahead or back by `HEAD_START` jobs. So a job of priority 0 waits for a limited number of later ones.

All ids are members of one sorted set, in which each tenant has a range of scores. The first id in the range
is the tenant's next job. All of this may get lost at any time: after a flush the queue is empty, and all tags
begin at zero again.
"""

import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from arq.connections import ArqRedis
from redis.exceptions import NoScriptError

# A sorted set of all ids.
QUEUE: Final = "renderfleet:queue"
# A sorted set of the tenants that have queued jobs. The score is the start tag.
TURNS: Final = "renderfleet:turns"
# A hash with virtual time (`clock`), and for each tenant: its number, which says what range of scores it has;
# its start tag; how much its tag grows with each job (`cost`); and how many jobs have arrived since it had
# none.
TENANTS: Final = "renderfleet:queue-tenants"

DEFAULT_PRIORITY: Final = 5
# How many jobs of its own tenant a job overtakes with each level of priority. Priority 9 overtakes a hundred.
HEAD_START: Final = 25

# Scores are doubles, which are exact up to 2^53. That is enough for 2^18 tenants, each with places for 2^34
# jobs that arrive in the usual way and as many that go first. %.17g is needed because Lua keeps 14 digits
# otherwise.
#
# Tags must not be equal. Each tenant that has its first queued job moves virtual time by ARRIVAL, a millionth
# of a turn, so that such tenants are served in the order in which they came. When a job is taken, the score
# of its tenant is RETURN, a thousandth of a turn, more than its tag, so that it goes after a tenant that has
# just come.
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
# When the queue is empty, all tags are deleted, so that they do not become too many. An id that is in the
# queue already keeps its place. `is_paid`: the tenant had a turn and did not use it, so its tag is moved
# back. Whoever sends the script may add lines and arguments of its own.
ENTER: Final = f"""{_HEAD}
if redis.call('ZCARD', QUEUE) == 0 then redis.call('DEL', TURNS, TENANTS) end
for i = 2, 1 + 6 * ARGV[1], 6 do
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
# Last come ids whose tenant is not in TURNS, which happens only if a part of the keys was lost.
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
# An id that goes first keeps its place: there are no priorities among those. An id that is not in the queue
# stays out of it.
_MOVE: Final = f"""{_HEAD}
local score = tonumber(redis.call('ZSCORE', QUEUE, ARGV[1]) or '0')
if score % RANGE > USUAL / 2 then redis.call('ZADD', QUEUE, 'XX', exact(score - ARGV[2]), ARGV[1]) end
"""
KEYS: Final = (QUEUE, TURNS, TENANTS)


def digest(script: str) -> str:
    """What Redis knows a script by: its SHA-1. Nothing is protected by it."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


_TAKE_DIGEST: Final = digest(_TAKE)


@dataclass(frozen=True, slots=True)
class QueuedId:
    """One id that is to be put into the queue, and what decides where it stands.

    Attributes:
        id: the id, as `take` returns it.
        tenant: the owner of the job.
        weight: the tenant's share. The latest one is used for all jobs of the tenant.
        priority: 0 to 9.
        goes_first: whether it goes before the tenant's other jobs.
        is_paid: whether it was taken before and nothing was rendered: then the tenant gets that turn back.
    """

    id: str
    tenant: str
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    goes_first: bool = False
    is_paid: bool = False

    def words(self) -> tuple[str, str, str, str, str, str]:
        """The arguments of the script for this id."""
        lead = HEAD_START * (self.priority - DEFAULT_PRIORITY)
        flags = (str(int(self.goes_first)), str(int(self.is_paid)))
        return (self.id, self.tenant, repr(1 / self.weight), str(lead), *flags)


def arguments_of(entries: Sequence[QueuedId]) -> list[str]:
    """The arguments of `ENTER` that put these entries into the queue, in the order of arrival."""
    return [str(len(entries)), *(word for entry in entries for word in entry.words())]


async def take(redis: ArqRedis, count: int) -> list[str]:
    """Take the next ids out of the queue, at most `count`.

    Raises:
        redis.exceptions.RedisError: Redis does not answer. If ids were taken, the sweeper sends them again.
    """
    arguments = (len(KEYS), *KEYS, str(count))
    try:
        taken: Any = await cast("Awaitable[Any]", redis.evalsha(_TAKE_DIGEST, *arguments))
    except NoScriptError:  # Redis was restarted or flushed
        taken = await cast("Awaitable[Any]", redis.eval(_TAKE, *arguments))
    return [id_.decode() for id_ in taken]


async def length(redis: ArqRedis) -> int:
    """How many ids are in the queue.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    return int(await redis.zcard(QUEUE))


async def missing(redis: ArqRedis, ids: Sequence[str]) -> list[str]:
    """Those of these ids that are not in the queue.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    if not ids:
        return []
    scores = await redis.zmscore(QUEUE, list(ids))
    return [word for word, score in zip(ids, scores, strict=True) if score is None]


async def move(redis: ArqRedis, id_: str, *, levels: int) -> None:
    """Move an id to where it would be in its tenant's part of the queue, had it come with that priority.

    Turns of tenants do not change. An id that is not in the queue is ignored.

    Args:
        redis: the connection.
        id_: the id.
        levels: by how many levels its priority has grown; negative: fallen.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    arguments = (len(KEYS), *KEYS, id_, str(HEAD_START * levels))
    await cast("Awaitable[Any]", redis.eval(_MOVE, *arguments))


async def leave(redis: ArqRedis, *ids: str) -> None:
    """Remove these ids from the queue. Ids that are not in it are ignored.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    if ids:
        await redis.zrem(QUEUE, *ids)
