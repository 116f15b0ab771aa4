"""From a committed row to a ringing bell: which id goes to Redis, in which order, and what if it is away.

Redis may lose everything at any time without harm: a queued row that it does not hold is sent again by the
sweeper. So nothing here raises for a Redis that does not answer.
"""

from collections.abc import Sequence
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet import carrier
from fleet.jobs import Delivery
from fleet.logs import get_logger
from fleet.metrics import DISPATCH_FAILURES

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


def _score(delivery: Delivery) -> float:
    """First come, first served: the milliseconds at the head of a UUIDv7 (RFC 9562, section 5.7).

    A job that comes back (retry, hand-back, flush) keeps its place in line. Priority and fairness between
    tenants will change this number, and this function alone.
    """
    return float(delivery.job_id.int >> 80)


async def dispatch(redis: ArqRedis, deliveries: Sequence[Delivery]) -> bool:
    """Hand deliveries to Redis and ring. False: Redis does not answer, and the sweeper will do it."""
    if not deliveries:
        return True
    try:
        await carrier.send(redis, [(delivery_id(sent), _score(sent)) for sent in deliveries])
    except (RedisError, OSError) as error:
        DISPATCH_FAILURES.inc(len(deliveries))
        log.warning(
            "redis does not answer, the sweeper will dispatch", jobs=len(deliveries), error=repr(error)
        )
        return False
    return True


async def dispatch_missing(redis: ArqRedis, deliveries: Sequence[Delivery]) -> list[Delivery] | None:
    """Send again what the queue does not hold; returns it. None: Redis does not answer."""
    by_id = {delivery_id(queued): queued for queued in deliveries}
    try:
        lost = [by_id[missing_id] for missing_id in await carrier.missing(redis, list(by_id))]
    except (RedisError, OSError) as error:
        log.warning("redis does not answer, looking again later", error=repr(error))
        return None
    return lost if await dispatch(redis, lost) else None
