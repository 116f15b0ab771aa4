"""The line as it is now: which entries would be taken next if nothing else came. Only reads.

The steps are those of `_TAKE` in `fleet/queue/fair_queue.py`; a test compares the two.
"""

import heapq
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from arq.connections import ArqRedis

from fleet.queue.entry import QueueEntry
from fleet.queue.fair_queue import QUEUE, TENANTS, TURNS

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

# As in the scripts: the range of scores of a tenant, and how much later it goes after a turn.
_RANGE: Final = 2**35
_RETURN: Final = 2**-10


@dataclass(frozen=True, slots=True)
class _Turns:
    """What is known of one tenant in the line.

    Attributes:
        start: its start tag.
        cost: how much the tag grows with each turn.
        ids: its next entries, in order.
    """

    start: float
    cost: float
    ids: list[str]


async def next_entries(redis: ArqRedis, count: int) -> list[QueueEntry]:
    """The entries that would be taken next, in order, at most `count`.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    # No more tenants than entries: each takes a turn before one of them takes its second.
    turns = await redis.zrange(TURNS, 0, count - 1, withscores=True)
    if not turns:
        return []
    tenants = [tenant.decode() for tenant, _ in turns]
    names = [f"{tenant}:{name}" for tenant in tenants for name in _FACTS]
    facts = await cast("Awaitable[list[bytes | None]]", redis.hmget(TENANTS, names))
    numbers = [float(word or 0) for word in facts]
    pipe: Pipeline = redis.pipeline(transaction=False)
    for place in range(len(tenants)):
        first = numbers[place * len(_FACTS)] * _RANGE
        pipe.zrangebyscore(QUEUE, first, first + _RANGE - 1, start=0, num=count)
    waiting = [
        (score, place, _Turns(numbers[3 * place + 1], numbers[3 * place + 2], [id_.decode() for id_ in ids]))
        for place, ((_, score), ids) in enumerate(zip(turns, await pipe.execute(), strict=True))
    ]
    return [QueueEntry.parse(id_) for id_ in _taken(waiting, count)]


_FACTS: Final = ("number", "start", "cost")


def _taken(waiting: list[tuple[float, int, _Turns]], count: int) -> list[str]:
    """The ids in the order in which they would be taken."""
    heapq.heapify(waiting)
    taken: list[str] = []
    begun: dict[int, int] = {}
    while waiting and len(taken) < count:
        _, place, turns = heapq.heappop(waiting)
        number = begun.get(place, 0)
        if number >= len(turns.ids):
            continue
        taken.append(turns.ids[number])
        begun[place] = number + 1
        score = turns.start + turns.cost * (number + 1) + _RETURN
        heapq.heappush(waiting, (score, place, turns))
    return taken
