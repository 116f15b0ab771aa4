"""From a committed row to a ringing bell: which id goes to Redis, in which order, and what if it is away.

Redis may lose everything at any time without harm: a queued row that it does not hold is sent again by the
sweeper. So nothing here raises for a Redis that does not answer.
"""

from collections.abc import Sequence
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet.queue import arq_adapter, fair_queue
from fleet.queue.delivery import Delivery, Waiting
from fleet.queue.fair_queue import Entry
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import DISPATCH_FAILURES

log = get_logger(__name__)


def delivery_id(delivery: Delivery) -> str:
    """The id in Redis. It names one delivery, not the job: arq drops a repeated id in silence."""
    return f"{delivery.job_id}:{delivery.dispatch}"


def parse_delivery_id(text: str) -> Delivery:
    """The other half of `delivery_id`.

    Raises:
        ValueError: the text is none.
    """
    job_id, _, dispatch = text.partition(":")
    return Delivery(UUID(job_id), int(dispatch))


def _entry(queued: Waiting) -> Entry:
    return Entry(
        delivery_id(queued.delivery),
        tenant=str(queued.tenant_id),
        weight=queued.weight,
        priority=queued.priority,
        goes_first=queued.has_run,
        is_paid=queued.is_paid,
    )


async def dispatch(redis: ArqRedis, queued: Sequence[Waiting]) -> bool:
    """Put queued jobs into the queue and ring. False: Redis does not answer, and the sweeper will do it."""
    if not queued:
        return True
    try:
        await arq_adapter.send(redis, [_entry(job) for job in queued])
    except (RedisError, OSError) as error:
        DISPATCH_FAILURES.inc(len(queued))
        log.warning("redis does not answer, the sweeper will dispatch", jobs=len(queued), error=repr(error))
        return False
    return True


async def dispatch_missing(redis: ArqRedis, queued: Sequence[Waiting]) -> list[Delivery] | None:
    """Send again what the queue does not hold; returns it. None: Redis does not answer."""
    by_id = {delivery_id(job.delivery): job for job in queued}
    try:
        lost = [by_id[missing_id] for missing_id in await fair_queue.missing(redis, list(by_id))]
    except (RedisError, OSError) as error:
        log.warning("redis does not answer, looking again later", error=repr(error))
        return None
    return [job.delivery for job in lost] if await dispatch(redis, lost) else None


async def withdraw(redis: ArqRedis, *ended: Delivery) -> None:
    """Take jobs out of the queue that ended in it: left there, each would cost its tenant a turn."""
    try:
        await fair_queue.leave(redis, *map(delivery_id, ended))
    except (RedisError, OSError) as error:
        log.debug("redis does not answer, a worker will drop the jobs", error=repr(error))
