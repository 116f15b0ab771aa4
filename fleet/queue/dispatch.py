"""From a committed row to the queue in Redis: which entries are sent, and what if Redis does not answer.

Redis may lose everything at any time without harm: the sweeper sends a queued row again that is not in Redis.
So nothing here raises if Redis does not answer.
"""

from collections.abc import Sequence

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from fleet.queue import arq_adapter, fair_queue
from fleet.queue.entry import QueuedJob, QueueEntry
from fleet.queue.fair_queue import QueuedId
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_both import DISPATCH_FAILURES

log = get_logger(__name__)


def _queued_id(job: QueuedJob) -> QueuedId:
    return QueuedId(
        job.entry.id,
        tenant=str(job.tenant_id),
        weight=job.weight,
        priority=job.priority,
        goes_first=job.has_run,
        is_paid=job.is_paid,
    )


async def dispatch(redis: ArqRedis, queued: Sequence[QueuedJob]) -> bool:
    """Put jobs into the queue and wake idle workers.

    Returns:
        False if Redis does not answer: then the sweeper sends them later.
    """
    if not queued:
        return True
    try:
        await arq_adapter.send(redis, [_queued_id(job) for job in queued])
    except (RedisError, OSError) as error:
        DISPATCH_FAILURES.inc(len(queued))
        log.warning("redis does not answer, the sweeper will dispatch", jobs=len(queued), error=repr(error))
        return False
    return True


async def dispatch_missing(redis: ArqRedis, queued: Sequence[QueuedJob]) -> list[QueueEntry] | None:
    """Send the jobs again that are not in the queue; their entries. None: Redis does not answer."""
    by_id = {job.entry.id: job for job in queued}
    try:
        lost = [by_id[missing_id] for missing_id in await fair_queue.missing(redis, list(by_id))]
    except (RedisError, OSError) as error:
        log.warning("redis does not answer, looking again later", error=repr(error))
        return None
    return [job.entry for job in lost] if await dispatch(redis, lost) else None


async def reorder(redis: ArqRedis, moved: QueueEntry, *, levels: int) -> None:
    """Move the entry of a job whose priority has grown by so many levels.

    If Redis does not answer, the entry keeps its place, and gets its own one when it is sent again.
    """
    try:
        await fair_queue.move(redis, moved.id, levels=levels)
    except (RedisError, OSError) as error:
        log.warning("redis does not answer, a job keeps its place in the line", error=repr(error))


async def withdraw(redis: ArqRedis, *ended: QueueEntry) -> None:
    """Take entries of ended jobs out of the queue: left there, each would cost its tenant a turn."""
    try:
        await fair_queue.leave(redis, *(entry.id for entry in ended))
    except (RedisError, OSError) as error:
        log.debug("redis does not answer, a worker will drop the jobs", error=repr(error))
