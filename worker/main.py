"""`python -m worker`: one worker. Wiring only: its parts, and in which order they start and stop."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat as uuid_utils
import uvloop

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import RenderfleetError, UnavailableError
from fleet.jobs.read import changed
from fleet.queue import arq_adapter
from fleet.queue.arq_adapter import CarrierWorker
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, bind_for_good, configure_logs, get_logger
from fleet.telemetry.probes import Probes
from fleet.vault import Vault, enrol
from fleet.workers import registry
from worker.attempts.attempt_runner import AttemptRunner
from worker.attempts.comparison import Comparison
from worker.attempts.ending import Ending
from worker.attempts.heartbeat import Heartbeat
from worker.attempts.isolation import Isolation
from worker.browser.scratch import Scratch
from worker.egress.outbound.resolver import SystemResolver
from worker.egress.proxy import Egress
from worker.health.canary import Canary
from worker.health.presence import PAUSE, Presence
from worker.health.readiness import WorkerReadiness
from worker.health.status_server import LoopMonitor, StatusApp, StatusServer
from worker.health.vitals import MEASURE_INTERVAL_S, VitalsReporter
from worker.maintenance.background_tasks import BackgroundTasks
from worker.maintenance.eraser import Eraser
from worker.maintenance.redis_listener import listen_for_announcements
from worker.maintenance.scheduler import Scheduler
from worker.maintenance.sweeper import Sweeper
from worker.pool.pool import Pool
from worker.resources.admission import Admission
from worker.resources.allocator import give_back_large_blocks
from worker.resources.cgroup import Container
from worker.resources.disk import DiskWatch
from worker.resources.render_limit import render_limit_mib
from worker.settings import BrowserSettings, WorkerSettings
from worker.webhooks.http_post import tls_context
from worker.webhooks.sender import Sender

_GOODBYE_S: Final = 2.0
# Why the carrier takes no jobs.
_SOLITUDE: Final = "a job renders alone"
_NO_BROWSER: Final = "there is no browser"
_REPLACEMENT: Final = "a browser is being replaced"

log = get_logger(__name__)


class Main:
    """One worker process: its parts, started by arq's `on_startup`, stopped by its `on_shutdown`."""

    def __init__(self) -> None:
        self.settings = settings = WorkerSettings.load()
        self.lease = timedelta(seconds=settings.attempt.lease_s)
        self.worker_id: UUID = uuid_utils.uuid7()
        self.redis = arq_adapter.connect(settings.redis.redis_url, timeout_s=settings.redis.redis_timeout_s)
        self._closing = contextlib.AsyncExitStack()
        self.carrier = CarrierWorker(
            self._run_attempt,
            redis=self.redis,
            max_jobs=self.settings.browser.browser_max_pages,
            shutdown_grace_s=self.settings.attempt.shutdown_grace_s,
            on_startup=self._start,
            on_shutdown=self._stop,
        )

    async def _run_attempt(self, ctx: dict[str, Any]) -> None:
        await self._attempts.run(ctx)

    async def _start(self, _ctx: dict[str, Any]) -> None:
        scratch = self._closing.enter_context(Scratch(self.settings.data.data_dir, self.worker_id))
        min_free_bytes = self.settings.disk.disk_min_free_mb * 2**20
        self.disk = DiskWatch(scratch.path, self.carrier, min_free_bytes=min_free_bytes)
        self.disk.check()  # said before whatever else a full disk breaks
        self.database = await Database.open(self.settings.database, application="worker")
        self._closing.push_async_callback(self.database.close, timeout_s=_GOODBYE_S)
        self.vault = Vault.open(self.settings.secrets, self.settings.data.data_dir)
        await enrol(self.database, self.vault)
        self.artifacts = Artifacts(self.settings.storage)
        self._closing.callback(self.artifacts.close)
        resolver = SystemResolver(timeout_s=self.settings.egress_resolver.egress_resolve_timeout_s)
        egress = Egress(
            resolver,
            self.settings.egress_proxy,
            forbidden_ports=(self.settings.health.worker_metrics_port,),
        )
        self._closing.push_async_callback(egress.stop)
        await egress.start()
        container = Container.own()
        self.pool = Pool(
            self._browser_settings(container),
            scratch.path,
            egress,
            offer=lambda slots: self.carrier.allow(slots, _REPLACEMENT),
        )
        self._closing.push_async_callback(self.pool.stop)
        await self.pool.start()
        self.admission = Admission(
            container,
            self.carrier,
            self.pool,
            slots=self.settings.browser.browser_max_pages,
            reserve_bytes=self.settings.admission.memory_reserve_mb * 2**20,
        )
        self.admission.check()  # before the first job
        self.vitals = VitalsReporter(self.pool, container, self.admission, holds=lambda: self.carrier.holds)
        self.policy = AddressPolicy.from_settings(self.settings.egress)
        self.sender = Sender(
            self.database,
            self.vault,
            self.artifacts,
            egress,
            self.policy,
            tls=tls_context(),
            timeout_s=self.settings.webhook.webhook_timeout_s,
        )
        self.canary = Canary(
            self.pool,
            scratch.path,
            interval_s=self.settings.health.canary_interval_s,
            is_allowed=lambda: not set(self.carrier.holds) - {PAUSE},
        )
        self.heartbeat = Heartbeat(self.database, lease=self.lease)
        self.presence = Presence(
            self.worker_id,
            self.database,
            self.carrier,
            self.pool,
            self.vitals,
            slots=self.settings.browser.browser_max_pages,
        )
        self._attempts = self._wire_attempts(scratch.path)
        self._start_background()
        self._tell_status(scratch.path)
        await self.vitals.measure()
        await self._beat()
        log.info("worker ready", slots=self.settings.browser.browser_max_pages)

    def _browser_settings(self, container: Container) -> BrowserSettings:
        """As they were given, with a limit of memory for each page that fits into the container."""
        given = self.settings.browser
        limit_mib = render_limit_mib(
            given.render_memory_limit_mb,
            container_bytes=container.memory().limit_bytes,
            slots=given.browser_max_pages,
        )
        log.info("memory of a render is limited", limit_mb=limit_mib)
        return given.model_copy(update={"render_memory_limit_mb": limit_mib})

    def _wire_attempts(self, folder: Path) -> AttemptRunner:
        comparison = Comparison(self.database, self.artifacts)
        self._closing.callback(comparison.close)
        return AttemptRunner(
            worker_id=self.worker_id,
            database=self.database,
            vault=self.vault,
            artifacts=self.artifacts,
            comparison=comparison,
            pool=self.pool,
            policy=self.policy,
            heartbeat=self.heartbeat,
            ending=Ending(self.database, self.redis, self.artifacts, wake_sender=self.sender.wake),
            isolation=Isolation(
                hold=lambda: self.carrier.hold(_SOLITUDE), release=lambda: self.carrier.release(_SOLITUDE)
            ),
            redis=self.redis,
            max_running_of_tenant=self.settings.tenant.max_running,
            lease=self.lease,
            folder=folder,
            max_artifact_bytes=self.settings.attempt.max_artifact_bytes,
            egress=self.settings.egress_proxy,
        )

    def _start_background(self) -> None:
        """Begin everything that goes on beside the attempts."""
        sweeper = Sweeper(
            self.database,
            self.redis,
            lease=self.lease,
            interval=timedelta(seconds=self.settings.attempt.sweep_interval_s),
            max_running_of_tenant=self.settings.tenant.max_running,
        )
        scheduler = Scheduler(
            self.database,
            self.vault,
            self.redis,
            self.policy,
            max_queued=self.settings.tenant.tenant_max_queued,
            max_renders_per_month=self.settings.tenant.tenant_max_renders_per_month,
        )
        history = timedelta(seconds=self.settings.retention.job_history_s)
        eraser = Eraser(self.database, self.artifacts, history=history)
        background = BackgroundTasks(failed=self.carrier.fail)
        self._closing.callback(background.cancel)
        background.every(self.settings.attempt.heartbeat_interval_s, self._beat)
        background.run(sweeper.run())
        background.run(scheduler.run())
        background.every(self.settings.retention.erase_interval_s, eraser.erase, jitter=0.5)
        background.run(self._watch_pool())
        background.run(self._follow_browser())
        background.run(self.admission.run())
        background.run(self.disk.run())
        background.run(self.canary.run())
        background.every(MEASURE_INTERVAL_S, self.vitals.measure)
        background.run(
            listen_for_announcements(
                self.redis, cancel=self.heartbeat.cancel, apply_pause=self.presence.apply_pause
            )
        )
        background.run(self.sender.run())
        self._closing.push_async_callback(self.sender.stop)  # before its task is cancelled: it ends by itself

    def _tell_status(self, folder: Path) -> None:
        """Answer whoever asks how this worker is."""
        probes = Probes(
            {
                # Reads the table of jobs, so that a database without its schema is not taken for ready.
                "postgres": lambda: changed(self.database, []),
                "redis": self.redis.ping,
                "s3": self.artifacts.check,
            }
        )
        self._closing.callback(probes.cancel)
        readiness = WorkerReadiness(
            str(self.worker_id),
            self.pool,
            self.canary,
            probes,
            slots=self.settings.browser.browser_max_pages,
            holds=lambda: self.carrier.holds,
        )
        monitor = LoopMonitor()
        self._closing.callback(monitor.stop)
        stalled_after_s = self.settings.health.worker_stalled_after_s
        status = StatusApp(monitor, readiness.document, stalled_after_s=stalled_after_s)
        server = StatusServer(status, folder, port=self.settings.health.worker_metrics_port)
        self._closing.push_async_callback(asyncio.to_thread, server.close)

    async def _beat(self) -> None:
        await self.heartbeat.beat()
        await self.presence.apply_pause()
        await self.presence.report()

    async def _follow_browser(self) -> None:
        """Leave jobs to other workers while the next browser starts after a crash."""
        while True:
            await self.pool.wait_browser(present=False)
            self.carrier.hold(_NO_BROWSER)
            await self.pool.wait_browser(present=True)
            self.carrier.release(_NO_BROWSER)

    async def _watch_pool(self) -> None:
        """Stop when the browser is beyond repair, so that the orchestrator makes a new worker."""
        raise await self.pool.failed

    async def _stop(self, _ctx: dict[str, Any]) -> None:
        if hasattr(self, "database"):
            with contextlib.suppress(UnavailableError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await registry.leave(self.database, self.worker_id)
        await self._closing.aclose()
        log.info("worker stopped")


def main() -> int:
    """Run until SIGTERM or SIGINT (exit code 0) or until the browser is beyond repair (1)."""
    configure_logs(load_settings(LogSettings))
    give_back_large_blocks()
    # arq's worker takes the thread's event loop when it is made.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        worker = Main()
        bind_for_good(worker_id=str(worker.worker_id))
        worker.carrier.run()
    except RenderfleetError as error:
        log.error("worker ends", error=str(error), cause=repr(error.__cause__))  # noqa: TRY400 - no traceback
        return 1
    finally:
        loop.close()
    return 0
