"""Sending and taking queue entries with arq. This is the only module that depends on arq's internals.

arq brings entries from the API to a worker. Sender and worker differ from arq's own, for measured reasons:

- `send` writes what `ArqRedis.enqueue_job` writes (the job's key, the sorted set) in one command, without its
  WATCH and reads. The same command pushes to a list on which idle workers block: the bell.
- `CarrierWorker` removes ids from the queue when it takes them (`fleet/queue/fair_queue.py`), and waits for
  the bell. arq itself polls every 0.5 s (median pickup by an idle worker 232 ms) and reads the ids of running
  jobs again (with 200 of them a pickup takes 135 ms). Removing an id before the job is claimed is safe: if
  the worker dies in between, the row in Postgres is still queued, and the sweeper sends it again.
- arq counts in Redis how often it ran an id, before and after each run: two round trips, of which a caller
  waits for one. Postgres has all of that. So `run_job` only deletes the job's key when the attempt has ended.
- The worker goes on if Redis does not answer: running jobs do not need it, and it takes new ones later.

`tests/unit/fleet/queue/test_arq_canary.py` pins every name of arq that is used or overridden here.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from arq.connections import ArqRedis, RedisSettings
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.worker import Worker, func
from redis.exceptions import NoScriptError, RedisError

from fleet.queue import fair_queue
from fleet.queue.fair_queue import QueuedId
from fleet.queue.redis_pool import make_pool
from fleet.telemetry.logs import get_logger

QUEUE: Final = fair_queue.QUEUE
BELL: Final = "renderfleet:bell"
FUNCTION: Final = "run_attempt"

# During a script of so many entries, Redis does nothing else for some milliseconds.
_ENTRIES_AT_ONCE: Final = 250
# If there are more rings than idle workers, workers only look at an empty queue more often.
_MAX_RINGS: Final = 200
# By default, arq's key of a job expires after a day, and then the job fails in arq without a call of ours. If
# a key is lost, the sweeper writes it again.
_KEY_TTL_MS: Final = 7 * 24 * 3600 * 1000
# If a ring is lost (Redis was flushed or failed over): an idle worker looks at the queue every two seconds.
_BELL_TIMEOUT_S: Final = 2.0
_REDIS_RETRY_S: Final = 0.5
# How long cancelled attempts may take to close their page and write one row.
_HAND_BACK_S: Final = 5.0

# Entries come into the queue, each with arq's key of its job and a ring. One command: each further one would
# cost the API 0.05 ms of CPU. The keys are the queue's, the bell, then those of the jobs.
_SEND: Final = f"""{fair_queue.ENTER}
local payload, ttl_ms, most_rings = unpack(ARGV, #ARGV - 2)
for i = {len(fair_queue.KEYS) + 2}, #KEYS do
  redis.call('SET', KEYS[i], payload, 'PX', ttl_ms)
  redis.call('LPUSH', KEYS[{len(fair_queue.KEYS) + 1}], '1')
end
redis.call('LTRIM', KEYS[{len(fair_queue.KEYS) + 1}], 0, most_rings - 1)
"""
_SEND_DIGEST: Final = fair_queue.digest(_SEND)

log = get_logger(__name__)


def serialize(value: dict[str, Any]) -> bytes:
    """Write JSON. With arq's pickle, whoever can write to Redis could execute code in a worker."""
    return json.dumps(value, separators=(",", ":")).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    """Read what `serialize` has written."""
    value: dict[str, Any] = json.loads(data)
    return value


def connect(
    url: str, *, timeout_s: float, max_connections: int = 64, sentinel_password: str | None = None
) -> ArqRedis:
    """A client of Redis with a limit on every wait, which arq's own `create_pool` does not set.

    It connects at the first command. Failed commands are not repeated: each caller decides what to do.
    """
    pool = make_pool(
        url,
        sentinel_password=sentinel_password,
        max_connections=max_connections,
        timeout_s=timeout_s,
        silence_s=timeout_s + _BELL_TIMEOUT_S,
    )
    return ArqRedis(
        connection_pool=pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
        expires_extra_ms=_KEY_TTL_MS,
    )


async def send(redis: ArqRedis, entries: Sequence[QueuedId]) -> None:
    """Put entries into the queue and ring the bell, in one command for each 250 of them.

    An id that is in the queue already stays where it is.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    for start in range(0, len(entries), _ENTRIES_AT_ONCE):
        await _send(redis, entries[start : start + _ENTRIES_AT_ONCE])


async def _send(redis: ArqRedis, entries: Sequence[QueuedId]) -> None:
    now_ms = int(time.time() * 1000)
    payload = serialize_job(FUNCTION, (), {}, None, now_ms, serializer=serialize)
    keys = (*fair_queue.KEYS, BELL, *(job_key_prefix + entry.id for entry in entries))
    own = (payload.decode(), str(_KEY_TTL_MS), str(_MAX_RINGS))
    words = (*keys, *fair_queue.arguments_of(entries), *own)
    try:
        await cast("Awaitable[Any]", redis.evalsha(_SEND_DIGEST, len(keys), *words))
    except NoScriptError:  # the first time since Redis was started or flushed
        await cast("Awaitable[Any]", redis.eval(_SEND, len(keys), *words))


class CarrierWorker(Worker):
    """arq's worker, which waits for the bell instead of polling, and has no lock or lease in Redis."""

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
        # No timeout here: the attempt has its own deadline (asyncio.timeout). With arq's wait_for, the
        # cancellation at a shutdown may get lost on Python 3.11.
        attempt = func(cast("Any", run_attempt), name=FUNCTION, keep_result=0)
        super().__init__(
            [attempt],
            queue_name=QUEUE,
            redis_pool=redis,
            redis_settings=RedisSettings(),
            max_jobs=max_jobs,
            job_timeout=cast("Any", None),
            keep_result=0,
            # With 0, arq would cancel at once instead of waiting for jobs to end.
            job_completion_wait=cast("Any", max(shutdown_grace_s, 0.001)),
            job_serializer=serialize,
            job_deserializer=deserialize,
            on_startup=cast("Any", on_startup),
            on_shutdown=cast("Any", on_shutdown),
            log_results=False,
        )
        self._run_attempt = run_attempt
        self._slot_freed = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_draining = False
        self._has_ended = False
        self._holds: set[str] = set()
        self._limits: dict[str, int] = {}

    @property
    def running(self) -> int:
        """How many jobs this worker runs."""
        return len(self.tasks)

    @property
    def holds(self) -> list[str]:
        """Why it takes no new jobs; empty when it takes them."""
        return sorted(self._holds) if self.allow_pick_jobs else ["the worker is stopping"]

    def allow(self, at_most: int, because: str) -> None:
        """Run at most so many jobs at once from now on. Running jobs go on. The smallest limit counts.

        Args:
            at_most: the limit. It replaces an earlier limit for the same reason.
            because: the reason.
        """
        self._limits[because] = at_most
        self._slot_freed.set()

    def hold(self, reason: str) -> None:
        """Take no new jobs until `release` with the same reason. Running jobs go on."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """Take new jobs again, unless there is another reason not to."""
        self._holds.discard(reason)
        self._slot_freed.set()

    async def main(self) -> None:
        """Take ids while slots are free; else wait for a free slot or the bell. Replaces arq's polling."""
        self.ctx["redis"] = self.pool
        if self.on_startup:
            await self.on_startup(self.ctx)
        # Cancelling is not enough to end this: sometimes redis-py swallowed the cancellation.
        while not self._has_ended:
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
                # arq keeps its tasks by id, so an id that runs here already is dropped.
                if entry_id not in self.tasks:
                    self._start(entry_id)

    async def _wait_for_slot(self) -> None:
        self._slot_freed.clear()
        if not self._has_ended:
            await self._slot_freed.wait()

    async def _wait_for_bell(self) -> None:
        # The cast is needed because redis-py types this for its synchronous clients, too.
        await cast("Awaitable[object]", self.pool.blpop([BELL], timeout=cast("Any", _BELL_TIMEOUT_S)))

    def _start(self, entry_id: str) -> None:
        # arq itself passes the time of enqueueing as score, and only logs it.
        task = self.loop.create_task(self.run_job(entry_id, 0))
        self.tasks[entry_id] = task
        task.add_done_callback(lambda done: self._ended(entry_id, done))

    async def run_job(self, job_id: str, score: int) -> None:  # noqa: ARG002 - arq's signature
        """Run one attempt. It does not raise; whether there is another one, Postgres decides."""
        await self._run_attempt({**self.ctx, "job_id": job_id})
        await self.pool.delete(job_key_prefix + job_id)

    def _ended(self, entry_id: str, task: asyncio.Task[Any]) -> None:
        del self.tasks[entry_id]
        self._slot_freed.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, (RedisError, OSError)):
            # Either the attempt has not begun: its row is still queued, and the sweeper finds it. Or it has
            # ended, and arq could not remove its keys, which expire.
            log.warning("redis does not answer", entry=entry_id, error=repr(error))
        elif error is not None:
            log.error(
                "an attempt raised an error that it should have handled", entry=entry_id, exc_info=error
            )

    def drain(self) -> None:
        """Take no new jobs, and hand back those that run after the grace time. A second call: at once."""
        self._stop(None)

    def fail(self, error: BaseException) -> None:
        """Stop as on SIGTERM, then raise `error` from `run`, so that the exit code is not 0."""
        self._failure = error
        self._stop(None)

    def handle_sig_wait_for_completion(self, signum: Any) -> None:
        """On the first signal wait for running jobs, on the second cancel them."""
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
        self._has_ended = True
        self._slot_freed.set()
        if self.main_task is not None:
            self.main_task.cancel()

    async def close(self) -> None:
        """Wait until cancelled attempts have handed their jobs back, then close. Does not need Redis."""
        if self.tasks:
            _, stuck = await asyncio.wait(self.tasks.values(), timeout=_HAND_BACK_S)
            for task in stuck:
                log.error("a job could not be handed back, its lease will run out", task=task.get_name())
        if self.on_shutdown:
            await self.on_shutdown(self.ctx)
        await self.pool.aclose(close_connection_pool=True)
        if self._failure is not None:
            raise self._failure
