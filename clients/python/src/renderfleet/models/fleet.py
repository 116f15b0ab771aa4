"""The fleet: its workers and its backlog."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBacklog(Document):
    """The open jobs of one tenant."""

    tenant_id: str
    name: str
    ready: int
    capped: int
    delayed: int
    running: int
    oldest_queued_s: float
    service_s: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog(Document):
    """Jobs of all tenants that have not ended."""

    queued: int
    running: int
    oldest_queued_s: float
    seconds: float | None
    tenants: tuple[TenantBacklog, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory(Document):
    """Memory of a worker in bytes, measured every 15 seconds."""

    rss_bytes: int
    pss_bytes: int | None
    python_pss_bytes: int | None
    driver_pss_bytes: int | None
    browser_pss_bytes: int | None
    renderers_pss_bytes: int | None
    resting_bytes: int
    growth_bytes_per_hour: int | None
    growth_over_s: float
    limit_bytes: int
    used_bytes: int
    free_bytes: int
    oom_kills: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBrowser(Document):
    """The browsers of a worker since it started."""

    renders: int
    renders_total: int
    recycles: Mapping[str, int]
    crashes: Mapping[str, int]
    recycle_overlap_percent: float
    recycle_added_wait_ms: float
    recycle_longest_wait_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterList(Document):
    """A list of advertisements or trackers that a worker has."""

    name: str
    title: str
    date: str
    licence: str
    homepage: str
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Document):
    """One worker, as it last reported."""

    id: str
    hostname: str
    slots: int
    busy: int
    browser_generation: int
    browser_age_s: float | None
    started_at: datetime
    last_seen_at: datetime
    takes_jobs: bool | None
    holds: tuple[str, ...]
    sandbox: str | None
    cpu_percent: float | None
    memory: WorkerMemory | None
    memory_stands_out: bool
    memory_stands_out_why: str | None
    browser: WorkerBrowser | None
    filter_lists: tuple[FilterList, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet(Document):
    """The whole fleet."""

    paused: bool
    paused_at: datetime | None
    pause_reason: str | None
    slots: int
    suggested_replicas: int
    backlog: Backlog
    workers: tuple[Worker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency(Document):
    """Whether an API process reaches Postgres, Redis or S3."""

    status: str
    latency_ms: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiStatus(Document):
    """Whether an API process can answer calls."""

    status: str
    dependencies: Mapping[str, Dependency]
    warnings: tuple[str, ...]
