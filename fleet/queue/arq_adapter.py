"""arq, and everything that we know of its insides: the one module that a new version of arq could break.

arq carries job ids from the API to a worker. Both ends differ from stock arq, each for a measured reason:

- `send` writes what `ArqRedis.enqueue_job` would (the job's key, the sorted set) without its WATCH and reads,
  as one round trip, together with a doorbell: a list that idle workers block on.
- `CarrierWorker` takes ids out of the queue for good (`fleet/queue/fair_queue.py`) and waits for the bell.
  Stock arq polls every 0.5 s (idle pickup p50 232 ms) and re-reads the ids of running jobs (behind 200 of
  them a pickup takes 135 ms). Taking an id before it is claimed is safe, because Redis is not the truth: a
  worker that dies in between leaves a queued row, which the sweeper finds.
- A Redis that is away does not end the worker: running jobs need none, and new ones wait.

`tests/unit/fleet/queue/test_arq_canary.py` pins every name of arq that is used or overridden here.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from arq.connections import ArqRedis, RedisSettings
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.worker import Worker, func
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from fleet.queue import fair_queue
from fleet.queue.fair_queue import QueuedId
from fleet.telemetry.logs import get_logger

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

QUEUE: Final = fair_queue.QUEUE
BELL: Final = "renderfleet:bell"
FUNCTION: Final = "run_attempt"

# A script of so many entries holds Redis up for some milliseconds.
_ENTRIES_AT_ONCE: Final = 250
# More rings than waiting workers would only make idle workers look once more in vain.
_MAX_RINGS: Final = 200
# arq drops the job's key after a day by default, and such a job then fails without any hook. The row in
# Postgres is what matters; the sweeper writes a lost key again.
_KEY_TTL_MS: Final = 7 * 24 * 3600 * 1000
# The fallback when a ring is lost (a flush, a failover): an idle worker looks at the queue once a second.
_BELL_TIMEOUT_S: Final = 1.0
_REDIS_RETRY_S: Final = 0.5
# How long cancelled attempts may take to close their page and write one row.
_HAND_BACK_S: Final = 5.0

log = get_logger(__name__)


def serialize(value: dict[str, Any]) -> bytes:
    """JSON, not arq's pickle: with pickle, write access to Redis would be code execution in a worker."""
    return json.dumps(value, separators=(",", ":")).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    """The other half of `serialize`."""
    value: dict[str, Any] = json.loads(data)
    return value


def connect(url: str, *, timeout_s: float, max_connections: int = 64) -> ArqRedis:
    """A client of Redis with a limit on every wait, which arq's own `create_pool` does not set.

    Connects at the first command. A command is not repeated by itself: every caller here has a better answer.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout_s,
        socket_timeout=timeout_s + _BELL_TIMEOUT_S,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),  # one fresh connection, for the one that Redis closed while idle
        retry_on_error=[ConnectionError],
    )
    return ArqRedis(
        connection_pool=pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
        expires_extra_ms=_KEY_TTL_MS,
    )


async def send(redis: ArqRedis, entries: Sequence[QueuedId]) -> None:
    """Put entries into the queue and ring, in one round trip for each 250 of them.

    Sending an id that is there already changes nothing.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    for start in range(0, len(entries), _ENTRIES_AT_ONCE):
        part = entries[start : start + _ENTRIES_AT_ONCE]
        try:
            await _send(redis, part, by_digest=True)
        except NoScriptError:  # the first time since Redis was started or flushed
            await _send(redis, part, by_digest=False)


async def _send(redis: ArqRedis, entries: Sequence[QueuedId], *, by_digest: bool) -> None:
    now_ms = int(time.time() * 1000)
    payload = serialize_job(FUNCTION, (), {}, None, now_ms, serializer=serialize)
    pipe: Pipeline = redis.pipeline(transaction=False)
    for entry in entries:
        pipe.set(job_key_prefix + entry.id, payload, px=_KEY_TTL_MS)
    fair_queue.enter(pipe, entries, by_digest=by_digest)
    pipe.lpush(BELL, *(["1"] * min(len(entries), _MAX_RINGS)))
    pipe.ltrim(BELL, 0, _MAX_RINGS - 1)
    await pipe.execute()


class CarrierWorker(Worker):
    """arq's worker with a doorbell instead of polling; it holds no lock and no lease in Redis."""

    def __init__(
        self,
        run_attempt: Callable[..., Awaitable[None]],
        *,
        redis: ArqRedis,
        max_jobs: int,
        shutdown_grace_s: float,
        on_startup: Callable[[dict[Any, Any]], Awaitable[None]],
        on_shutdown: Callable[[dict[Any, Any]], Awaitable[None]],
    ) -> None:
        # timeout None: the attempt has its own deadline (asyncio.timeout); arq's wait_for can swallow the
        # cancellation of a shutdown on Python 3.11.
        attempt = func(cast("Any", run_attempt), name=FUNCTION, keep_result=0)
        super().__init__(
            [attempt],
            queue_name=QUEUE,
            redis_pool=redis,
            redis_settings=RedisSettings(),
            max_jobs=max_jobs,
            job_timeout=cast("Any", None),
            keep_result=0,
            # arq counts how often it ran an id. The sweeper may send it again; Postgres decides on retries.
            max_tries=1_000_000,
            # arq drains before it cancels only when the wait is truthy.
            job_completion_wait=cast("Any", max(shutdown_grace_s, 0.001)),
            job_serializer=serialize,
            job_deserializer=deserialize,
            on_startup=cast("Any", on_startup),
            on_shutdown=cast("Any", on_shutdown),
            log_results=False,
        )
        self._slot_freed = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_draining = False
        self._is_over = False
        self._holds: set[str] = set()
        self._limits: dict[str, int] = {}

    @property
    def running(self) -> int:
        """How many jobs this worker has."""
        return len(self.tasks)

    @property
    def holds(self) -> list[str]:
        """Why it takes no new job; empty when it does."""
        return sorted(self._holds) if self.allow_pick_jobs else ["the worker is stopping"]

    def allow(self, at_most: int, because: str) -> None:
        """Have at most so many jobs at once from now on; what runs goes on. The least of all limits counts.

        Args:
            at_most: the limit, which replaces an earlier one of the same reason.
            because: the reason.
        """
        self._limits[because] = at_most
        self._slot_freed.set()

    def hold(self, reason: str) -> None:
        """Take no new job until `release` of the same reason; what runs goes on."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """Take jobs again, unless there is another reason not to."""
        self._holds.discard(reason)
        self._slot_freed.set()

    async def main(self) -> None:
        """Replace arq's polling: take ids while slots are free, wait for the bell or a slot otherwise."""
        self.ctx["redis"] = self.pool
        if self.on_startup:
            await self.on_startup(self.ctx)
        # Cancelling alone is not enough: now and then redis-py kept it to itself, and the worker went on.
        while not self._is_over:
            free = min((self.max_jobs, *self._limits.values())) - len(self.tasks)
            if free <= 0 or self._holds or not self.allow_pick_jobs:
                await self._wait_for_slot()
                continue
            try:
                taken = await fair_queue.take(self.pool, free)
                if not taken:
                    await self._wait_for_bell()
            except (RedisError, OSError) as error:
                log.warning("redis does not answer, trying again", error=repr(error))
                await asyncio.sleep(_REDIS_RETRY_S)
                continue
            for entry_id in taken:
                # A second copy of what runs here is dropped: arq's books are kept by id.
                if entry_id not in self.tasks:
                    self._start(entry_id)

    async def _wait_for_slot(self) -> None:
        self._slot_freed.clear()
        if not self._is_over:
            await self._slot_freed.wait()

    async def _wait_for_bell(self) -> None:
        # The union with a plain list in redis-py's types is for its synchronous clients.
        await cast("Awaitable[object]", self.pool.blpop([BELL], timeout=cast("Any", _BELL_TIMEOUT_S)))

    def _start(self, entry_id: str) -> None:
        # arq only logs the score, as the time of enqueueing that it is with stock arq.
        task = self.loop.create_task(self.run_job(entry_id, 0))
        self.tasks[entry_id] = task
        task.add_done_callback(lambda done: self._ended(entry_id, done))

    def _ended(self, entry_id: str, task: asyncio.Task[Any]) -> None:
        del self.tasks[entry_id]
        self._slot_freed.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, (RedisError, OSError)):
            # Either the attempt never began, then its row is queued and the sweeper finds it, or it ended and
            # arq could not remove its keys, which expire.
            log.warning("redis does not answer", entry=entry_id, error=repr(error))
        elif error is not None:
            log.error("an attempt escaped its own error handling", entry=entry_id, exc_info=error)

    def drain(self) -> None:
        """Take no new job; jobs that run get the grace time, then they are handed back. Again: at once."""
        self._stop(None)

    def fail(self, error: BaseException) -> None:
        """Stop as on SIGTERM, then raise `error` from `run`, so that the process exits non-zero."""
        self._failure = error
        self._stop(None)

    def handle_sig_wait_for_completion(self, signum: Any) -> None:
        """Drain on the first signal, cancel on the second."""
        self._stop(signum)

    def _stop(self, signum: Any) -> None:
        log.info("stopping", signal=getattr(signum, "name", None), running=len(self.tasks))
        self.allow_pick_jobs = False
        grace_s = 0.0 if self._is_draining else float(self._job_completion_wait)
        self._is_draining = True
        self._drain_task = self.loop.create_task(self._drain(grace_s))

    async def _drain(self, grace_s: float) -> None:
        running = list(self.tasks.values())
        if running and grace_s > 0:
            await asyncio.wait(running, timeout=grace_s)
        for task in list(self.tasks.values()):
            task.cancel()
        self._is_over = True
        self._slot_freed.set()
        if self.main_task is not None:
            self.main_task.cancel()

    async def close(self) -> None:
        """Wait for cancelled attempts to hand their jobs back, then close; works also while Redis is away."""
        if self.tasks:
            _, stuck = await asyncio.wait(self.tasks.values(), timeout=_HAND_BACK_S)
            for task in stuck:
                log.error("could not be handed back, its lease will run out", task=task.get_name())
        if self.on_shutdown:
            await self.on_shutdown(self.ctx)
        await self.pool.aclose(close_connection_pool=True)
        if self._failure is not None:
            raise self._failure
