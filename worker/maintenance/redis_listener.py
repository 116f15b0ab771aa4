"""Listens to Redis for two announcements: a job is to be cancelled, or the fleet was paused or resumed.

This only makes the worker react sooner: the heartbeat reads both from Postgres, too.
"""

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


async def listen_for_announcements(
    redis: ArqRedis, *, cancel: Callable[[UUID], None], apply_pause: Callable[[], Awaitable[None]]
) -> None:
    """Listen for ever; reconnect when Redis does not answer.

    Args:
        redis: where announcements are published.
        cancel: called with the id of a job that is to be cancelled.
        apply_pause: called when the fleet was paused or resumed.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            async for channel, message in listen(redis, CANCELS, PAUSES):
                pause_s = _FIRST_PAUSE_S
                if channel == CANCELS:
                    cancel(UUID(bytes=message))
                else:
                    await apply_pause()
        except (RedisError, OSError) as error:
            log.warning(
                "redis does not answer, cancels and pauses arrive with the heartbeat", error=repr(error)
            )
        except ValueError:
            log.warning("an announced cancel names no job")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
