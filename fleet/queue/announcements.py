"""Announcements through Redis: a job has changed, a job is to be cancelled, the fleet was paused or resumed.

They may get lost: they only make things fast. Callers that wait also look at Postgres each second, and a
worker learns with its next heartbeat that a job is to be cancelled or that the fleet is paused.
"""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet.telemetry.logs import get_logger

CHANGES: Final = "renderfleet:changes"
# Of a job that begins, besides: who waits for its end need not read it then.
BEGINNINGS: Final = "renderfleet:beginnings"
CANCELS: Final = "renderfleet:cancels"
PAUSES: Final = "renderfleet:pauses"

# A wait that runs out begins anew; only what comes of it costs something.
_LISTEN_S: Final = 10.0

log = get_logger(__name__)


async def announce_change(redis: ArqRedis, job_id: UUID) -> None:
    """Tell all API processes that a job's state has changed."""
    await _publish(redis, CHANGES, job_id.bytes)


async def announce_beginning(redis: ArqRedis, job_id: UUID) -> None:
    """Tell all API processes that an attempt at a job has begun."""
    await _publish(redis, BEGINNINGS, job_id.bytes)


async def announce_cancel(redis: ArqRedis, job_id: UUID) -> None:
    """Tell all workers that this job is to be cancelled. The one that runs it will stop it."""
    await _publish(redis, CANCELS, job_id.bytes)


async def announce_pause(redis: ArqRedis) -> None:
    """Tell all workers that the fleet was paused or resumed. Which of the two, they read in Postgres."""
    await _publish(redis, PAUSES, b"")


async def _publish(redis: ArqRedis, channel: str, message: bytes) -> None:
    try:
        await redis.publish(channel, message)
    except (RedisError, OSError) as error:
        log.debug("redis does not answer, not announced", channel=channel, error=repr(error))


async def listen(redis: ArqRedis, *channels: str) -> AsyncIterator[tuple[str, bytes]]:
    """Messages of these channels, each with its channel's name, until Redis stops answering.

    Raises:
        redis.exceptions.RedisError: Redis does not answer. What is announced meanwhile is lost.
    """
    async with redis.pubsub() as subscription:
        await subscription.subscribe(*channels)
        while True:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S)
            if message is not None:
                yield message["channel"].decode(), message["data"]
