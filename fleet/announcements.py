"""A word to everyone who waits: this job has ended. Best effort; waiters also look at Postgres."""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet.logs import get_logger

CHANNEL: Final = "renderfleet:ended"

log = get_logger(__name__)


async def announce_end(redis: ArqRedis, job_id: UUID) -> None:
    """Tell all API processes that a job has ended."""
    try:
        await redis.publish(CHANNEL, job_id.bytes)
    except (RedisError, OSError) as error:
        log.debug("redis does not answer, waiters will look at Postgres", error=repr(error))


async def listen(redis: ArqRedis) -> AsyncIterator[UUID]:
    """Ids of jobs as they end, until Redis stops answering.

    Raises:
        redis.exceptions.RedisError: Redis does not answer; what is announced meanwhile is missed.
    """
    async with redis.pubsub() as subscription:
        await subscription.subscribe(CHANNEL)
        while True:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                yield UUID(bytes=message["data"])
