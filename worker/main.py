"""`python -m worker`: one worker process.

`parts_of` is the order in which it starts and stops, `background_of` is what goes on beside its jobs. How one
part is made of others is in `worker/components.py`.
"""

import asyncio
from functools import partial
from typing import Any

import uuid_utils.compat as uuid_utils
import uvloop

from fleet.connection_count import check_connections
from fleet.database_errors import in_words
from fleet.errors import RenderfleetError
from fleet.queue import arq_adapter
from fleet.queue.arq_adapter import CarrierWorker
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, bind_for_process, configure_logs, get_logger
from fleet.telemetry.traces import start_traces, stop_traces
from fleet.vault import enrol
from worker.components import Components
from worker.health.vitals import MEASURE_INTERVAL_S
from worker.maintenance import historian, tenant_eraser
from worker.maintenance.background_tasks import BackgroundTasks, TaskFunction, every
from worker.maintenance.redis_listener import listen_for_announcements
from worker.parts import Part, Parts
from worker.resources.memory.allocator import give_back_large_blocks
from worker.settings import WorkerSettings

log = get_logger(__name__)


def parts_of(worker: Components) -> tuple[Part, ...]:
    """All parts in the order in which they start; they stop in the reverse one."""
    background = BackgroundTasks(background_of(worker), failed=worker.carrier.fail)
    return (
        # All that follow may write into it.
        Part("folder", worker.scratch.claim, worker.scratch.remove),
        # A full disk is told before it breaks something.
        Part(
            "traces",
            partial(start_traces, worker.settings.traces, service="worker"),
            partial(asyncio.to_thread, stop_traces),
        ),
        Part("disk", start=worker.disk.check),
        Part("database", worker.database.connect, worker.database.close),
        Part("connections", start=partial(check_connections, worker.database, worker.settings.database)),
        Part("secrets", start=partial(enrol, worker.database, worker.vault)),
        Part("artifacts", stop=worker.artifacts.close),
        # Pages and webhooks go out through it.
        Part("egress proxy", worker.egress.start, worker.egress.stop),
        Part("browsers", worker.pool.start, worker.pool.stop),
        # Before the first job.
        Part("memory", start=worker.admission.check),
        Part("background", background.start, background.stop),
        # Stopped before its task in the background: messages under way may end.
        Part("webhooks", stop=worker.sender.stop),
        Part("probes", stop=worker.probes.cancel),
        Part("loop monitor", worker.loop_monitor.start, worker.loop_monitor.stop),
        Part("status", worker.status_server.start, worker.status_server.stop),
        Part("vitals", start=worker.vitals.measure),
        # The fleet knows of a worker only while all the rest of it works.
        Part("presence", partial(_beat, worker), worker.presence.leave),
    )


def background_of(worker: Components) -> dict[str, TaskFunction]:
    """What goes on beside the jobs for as long as the worker lives. An error in one of them ends it."""
    settings = worker.settings
    return {
        "heartbeat": partial(every, settings.attempt.heartbeat_interval_s, partial(_beat, worker)),
        "sweeper": worker.sweeper.run,
        "scheduler": worker.scheduler.run,
        "eraser": partial(every, settings.retention.erase_interval_s, worker.eraser.erase, jitter=0.5),
        "tenants": partial(every, tenant_eraser.INTERVAL_S, worker.tenant_eraser.erase, jitter=0.5),
        "history": partial(every, historian.INTERVAL_S, worker.historian.record, jitter=0.5),
        "broken pool": worker.pool.raise_failure,
        "jobs without a browser": partial(worker.pool.hold_jobs_without_browser, worker.carrier),
        "memory": worker.admission.run,
        "disk": worker.disk.run,
        "canary": worker.canary.run,
        "vitals": partial(every, MEASURE_INTERVAL_S, worker.vitals.measure),
        "announcements": partial(
            listen_for_announcements,
            worker.redis,
            cancel=worker.heartbeat.cancel,
            apply_pause=worker.presence.apply_pause,
        ),
        "sender": worker.sender.run,
    }


async def _beat(worker: Components) -> None:
    """Keep the jobs that run here, hear of a pause, and tell the fleet how this worker is."""
    await worker.heartbeat.beat()
    await worker.presence.apply_pause()
    await worker.presence.report()


class Worker:
    """One worker process: jobs come from arq, which also says when to start and to stop."""

    def __init__(self) -> None:
        """Read the settings and start nothing yet.

        Raises:
            fleet.settings.SettingsError: a setting is missing or wrong.
        """
        settings = WorkerSettings.load()
        redis = arq_adapter.connect(**settings.redis.connection)
        self.carrier = CarrierWorker(
            self._run_attempt,
            redis=redis,
            max_jobs=settings.browser.browser_max_pages,
            shutdown_grace_s=settings.attempt.shutdown_grace_s,
            on_startup=self._start,
            on_shutdown=self._stop,
        )
        self.components = Components(settings, uuid_utils.uuid7(), redis, self.carrier)
        self._parts = Parts()

    async def _run_attempt(self, ctx: dict[str, Any]) -> None:
        await self.components.attempts.run(ctx)

    async def _start(self, _ctx: dict[str, Any]) -> None:
        await self._parts.start(parts_of(self.components))
        log.info("worker ready", slots=self.components.slots)

    async def _stop(self, _ctx: dict[str, Any]) -> None:
        await self._parts.stop()
        log.info("worker stopped")


def main() -> int:
    """Run until SIGTERM or SIGINT (exit code 0) or until the browser is beyond repair (1)."""
    configure_logs(load_settings(LogSettings))
    give_back_large_blocks()
    # arq's worker takes the thread's event loop when it is made.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        worker = Worker()
        bind_for_process(worker_id=str(worker.components.worker_id))
        worker.carrier.run()
    except RenderfleetError as error:
        log.error("worker ends", error=in_words(error), cause=repr(error.__cause__))  # noqa: TRY400 - no traceback
        return 1
    finally:
        loop.close()
    return 0
