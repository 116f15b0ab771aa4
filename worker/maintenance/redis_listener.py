"""Orders by Redis: cancel this job, look at the pause. For speed alone; the heartbeat brings both anyway."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet.queue.announcements import CANCELS, PAUSES, listen
from fleet.telemetry.logs import get_logger

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0

log = get_logger(__name__)


async def follow_orders(
    redis: ArqRedis, *, cancel: Callable[[UUID], None], look_at_pause: Callable[[], Awaitable[None]]
) -> None:
    """Listen for ever, through any outage of Redis."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            async for channel, message in listen(redis, CANCELS, PAUSES):
                pause_s = _FIRST_PAUSE_S
                if channel == CANCELS:
                    cancel(UUID(bytes=message))
                else:
                    await look_at_pause()
        except (RedisError, OSError) as error:
            log.warning("redis does not answer, orders come with the heartbeat", error=repr(error))
        except ValueError:
            log.warning("an order names no job")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
