"""Who is told to be next is who is taken next."""

import random
from uuid import UUID

from arq.connections import ArqRedis

from fleet.queue import arq_adapter, fair_queue
from fleet.queue.fair_queue import QueuedId
from fleet.queue.line import next_entries


async def test_what_is_told_is_what_is_taken(redis: ArqRedis) -> None:
    chance = random.Random(7)  # noqa: S311 - the same in every run
    number = 0
    for _ in range(20):
        for tenant in chance.sample("abcdefgh", k=3):
            entries = [
                QueuedId(
                    f"{UUID(int=number + place)}:1",
                    tenant,
                    weight=chance.choice((0.25, 1.0, 4.0)),
                    priority=chance.randrange(10),
                    goes_first=chance.random() < 0.1,
                )
                for place in range(chance.randrange(1, 12))
            ]
            number += len(entries)
            await arq_adapter.send(redis, entries)
        count = chance.choice((1, 5, 30))
        told = [entry.id for entry in await next_entries(redis, count)]
        assert told == await fair_queue.take(redis, count)
        assert len(told) == count
    assert await next_entries(redis, 10_000) != []


async def test_nothing_is_next_in_an_empty_line(redis: ArqRedis) -> None:
    assert await next_entries(redis, 50) == []
