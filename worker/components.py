"""Creates the parts of a worker from each other. `worker/main.py` says when each of them starts and stops."""

from datetime import timedelta
from functools import cached_property, partial
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.jobs.read import check_schema
from fleet.queue.arq_adapter import CarrierWorker
from fleet.telemetry.logs import get_logger
from fleet.telemetry.probes import Probes
from fleet.vault import Vault
from worker.attempts.attempt_runner import AttemptRunner
from worker.attempts.comparison import Comparison
from worker.attempts.ending import Ending
from worker.attempts.evidence import EvidenceKeeper
from worker.attempts.heartbeat import Heartbeat
from worker.attempts.own_pdfs import OwnPdfs
from worker.blocking.filter_lists import FilterLists
from worker.browser.launch.scratch import Scratch
from worker.egress.outbound.resolver import SystemResolver
from worker.egress.proxy import Egress
from worker.health.canary import NOT_RENDERING, Canary
from worker.health.presence import PAUSE, Presence
from worker.health.readiness import WorkerReadiness
from worker.health.status_server import LoopMonitor, StatusApp, StatusServer
from worker.health.vitals import VitalsReporter
from worker.maintenance.eraser import Eraser
from worker.maintenance.historian import Historian
from worker.maintenance.scheduler import Scheduler
from worker.maintenance.sweeper import Sweeper
from worker.maintenance.tenant_eraser import TenantEraser
from worker.pool.pool import Pool
from worker.render.evidence.traffic import EvidenceLimits
from worker.resources.admission import Admission
from worker.resources.cgroup import Container
from worker.resources.disk import DiskWatch
from worker.resources.memory.picture_budget import picture_budget_mib
from worker.resources.memory.render_limit import render_limit_mib
from worker.settings import BrowserSettings, WorkerSettings
from worker.webhooks.sender import Sender

# Why the carrier (`CarrierWorker`, which takes the ids of jobs from Redis) may take fewer jobs.
_REPLACEMENT: Final = "a browser is being replaced"

log = get_logger(__name__)


class Components:
    """The parts of one worker. Each is made when it is first asked for, inside the running event loop."""

    def __init__(
        self, settings: WorkerSettings, worker_id: UUID, redis: ArqRedis, carrier: CarrierWorker
    ) -> None:
        self.settings = settings
        self.worker_id = worker_id
        self.redis = redis
        self.carrier = carrier
        self.slots = settings.browser.browser_max_pages
        self.lease = timedelta(seconds=settings.attempt.lease_s)

    @cached_property
    def scratch(self) -> Scratch:
        """The folder for this worker's files."""
        return Scratch(self.settings.data.data_dir, self.worker_id)

    @cached_property
    def disk(self) -> DiskWatch:
        """Watches how much room is on the disk."""
        min_free_bytes = self.settings.disk.disk_min_free_mb * 2**20
        return DiskWatch(self.scratch.path, self.carrier, min_free_bytes=min_free_bytes)

    @cached_property
    def database(self) -> Database:
        """Connections to Postgres."""
        return Database(self.settings.database, application="worker")

    @cached_property
    def vault(self) -> Vault:
        """Unseals the secrets of tenants."""
        return Vault.open(self.settings.secrets, self.settings.data.data_dir)

    @cached_property
    def artifacts(self) -> Artifacts:
        """The bucket in S3."""
        return Artifacts(self.settings.storage)

    @cached_property
    def policy(self) -> AddressPolicy:
        """Which addresses pages and webhooks may reach."""
        return AddressPolicy.from_settings(self.settings.egress)

    @cached_property
    def egress(self) -> Egress:
        """The egress proxy."""
        return Egress(
            SystemResolver(timeout_s=self.settings.egress_resolver.egress_resolve_timeout_s),
            self.settings.egress_proxy,
            forbidden_ports=(self.settings.health.worker_metrics_port,),
        )

    @cached_property
    def container(self) -> Container:
        """The container of this process, with its memory limit."""
        return Container.own()

    @cached_property
    def browser_settings(self) -> BrowserSettings:
        """The settings of the browser, with a memory limit for each page that fits into the container."""
        given = self.settings.browser
        limit_mib = render_limit_mib(
            given.render_memory_limit_mb,
            container_bytes=self.container.memory().limit_bytes,
            slots=self.slots,
        )
        pictures_mib = picture_budget_mib(
            given.capture_memory_mb,
            container_bytes=self.container.memory().limit_bytes,
            slots=self.slots,
        )
        log.info("memory of a render is limited", limit_mb=limit_mib, pictures_mb=pictures_mib)
        return given.model_copy(
            update={"render_memory_limit_mb": limit_mib, "capture_memory_mb": pictures_mib}
        )

    @cached_property
    def pool(self) -> Pool:
        """Browsers, and pages for renders."""
        return Pool(
            self.browser_settings,
            self.scratch.path,
            self.egress,
            offer=lambda slots: self.carrier.allow(slots, _REPLACEMENT),
        )

    @cached_property
    def admission(self) -> Admission:
        """Lets the worker take jobs only while there is memory for them."""
        return Admission(
            self.container,
            self.carrier,
            self.pool,
            slots=self.slots,
            reserve_bytes=self.settings.admission.memory_reserve_mb * 2**20,
        )

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """Keeps the leases of the jobs that run here."""
        return Heartbeat(self.database, lease=self.lease)

    @cached_property
    def comparison(self) -> Comparison:
        """Compares pictures of a schedule with the ones before."""
        return Comparison(self.database, self.artifacts)

    @cached_property
    def attempts(self) -> AttemptRunner:
        """Runs jobs."""
        return AttemptRunner(
            worker_id=self.worker_id,
            database=self.database,
            vault=self.vault,
            artifacts=self.artifacts,
            comparison=self.comparison,
            own_pdfs=OwnPdfs(self.database, self.artifacts),
            evidence=EvidenceKeeper(
                self.database,
                self.artifacts,
                self.scratch.path,
                EvidenceLimits(
                    max_bytes=self.settings.attempt.evidence_max_bytes,
                    max_requests=self.settings.attempt.evidence_max_requests,
                ),
            ),
            pool=self.pool,
            policy=self.policy,
            heartbeat=self.heartbeat,
            ending=Ending(self.database, self.redis, self.artifacts, wake_sender=self.sender.wake),
            redis=self.redis,
            max_running_of_tenant=self.settings.tenant.max_running,
            lease=self.lease,
            folder=self.scratch.path,
            max_artifact_bytes=self.settings.attempt.max_artifact_bytes,
            lists=self.filter_lists,
            egress=self.settings.egress_proxy,
            browser_works=self.canary.browser_works,
            hold_if_paused=self.presence.apply_pause,
        )

    @cached_property
    def filter_lists(self) -> FilterLists:
        """The lists of advertisements and trackers."""
        return FilterLists(self.settings.filters.filter_lists_folder)

    @cached_property
    def sender(self) -> Sender:
        """Sends webhooks."""
        return Sender(
            self.database,
            self.vault,
            self.artifacts,
            self.egress,
            self.policy,
            timeout_s=self.settings.webhook.webhook_timeout_s,
            api_url=self.settings.webhook.api_public_url,
        )

    @cached_property
    def sweeper(self) -> Sweeper:
        """Finds jobs that were lost, or that are due."""
        return Sweeper(
            self.database,
            self.redis,
            lease=self.lease,
            interval=timedelta(seconds=self.settings.attempt.sweep_interval_s),
            max_running_of_tenant=self.settings.tenant.max_running,
        )

    @cached_property
    def scheduler(self) -> Scheduler:
        """Makes jobs of schedules."""
        return Scheduler(
            self.database,
            self.vault,
            self.redis,
            self.policy,
            max_queued=self.settings.tenant.tenant_max_queued,
            max_renders_per_month=self.settings.tenant.tenant_max_renders_per_month,
        )

    @cached_property
    def eraser(self) -> Eraser:
        """Erases what is old enough."""
        history = timedelta(seconds=self.settings.retention.job_history_s)
        return Eraser(self.database, self.artifacts, history=history)

    @cached_property
    def tenant_eraser(self) -> TenantEraser:
        """Erases tenants."""
        return TenantEraser(self.database, self.redis, self.artifacts)

    @cached_property
    def historian(self) -> Historian:
        """Records figures over time."""
        timeout = timedelta(seconds=self.settings.database.database_timeout_s)
        return Historian(self.database, statement_timeout=timeout)

    @cached_property
    def canary(self) -> Canary:
        """Renders test pages, to know whether the worker can render."""
        return Canary(
            self.pool,
            self.scratch.path,
            interval_s=self.settings.health.canary_interval_s,
            is_allowed=lambda: not set(self.carrier.holds) - {PAUSE, NOT_RENDERING},
            intake=self.carrier,
        )

    @cached_property
    def vitals(self) -> VitalsReporter:
        """Measures memory and CPU."""
        return VitalsReporter(
            self.pool,
            self.container,
            self.admission,
            lists=self.filter_lists,
            holds=lambda: self.carrier.holds,
        )

    @cached_property
    def presence(self) -> Presence:
        """The worker's row in Postgres."""
        return Presence(self.worker_id, self.database, self.carrier, self.pool, self.vitals, slots=self.slots)

    @cached_property
    def probes(self) -> Probes:
        """Ask whether Postgres, Redis and S3 answer."""
        return Probes(
            {
                "postgres": partial(check_schema, self.database),
                "redis": self.redis.ping,
                "s3": self.artifacts.check,
            }
        )

    @cached_property
    def loop_monitor(self) -> LoopMonitor:
        """Knows whether the event loop is blocked."""
        return LoopMonitor()

    @cached_property
    def status_server(self) -> StatusServer:
        """Answers /livez, /readyz and /metrics."""
        readiness = WorkerReadiness(
            str(self.worker_id),
            self.pool,
            self.canary,
            self.probes,
            slots=self.slots,
            holds=lambda: self.carrier.holds,
        )
        stalled_after_s = self.settings.health.worker_stalled_after_s
        return StatusServer(
            StatusApp(self.loop_monitor, readiness.document, stalled_after_s=stalled_after_s),
            self.scratch.path,
            port=self.settings.health.worker_metrics_port,
        )
