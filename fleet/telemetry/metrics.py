"""Every metric, in one list: names, labels and units are an interface that dashboards rely on.

Prometheus' conventions: `renderfleet_` prefix, base units, `_total` for counters. Labels are bounded words
(states, error types, reasons), never ids or addresses. `docs/metrics.md` lists them; a test holds the two
together.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

JOBS_ACCEPTED: Final = Counter("renderfleet_jobs_accepted", "Jobs answered with 202.")
JOBS_FINISHED: Final = Counter(
    "renderfleet_jobs_finished", "Jobs that reached a terminal state.", ["state", "error_type"]
)
ATTEMPTS_RETRIED: Final = Counter(
    "renderfleet_attempts_retried", "Attempts that failed and were put back.", ["error_type"]
)
ATTEMPTS_DISCARDED: Final = Counter(
    "renderfleet_attempts_discarded", "Attempts whose result came too late and was refused by the fence."
)
ATTEMPTS_HANDED_BACK: Final = Counter(
    "renderfleet_attempts_handed_back", "Attempts that a stopping worker put back into the queue."
)
DELIVERIES_DROPPED: Final = Counter(
    "renderfleet_deliveries_dropped", "Deliveries from Redis that claimed nothing: duplicates or ended jobs."
)
PICKUP_SECONDS: Final = Histogram(
    "renderfleet_pickup_seconds", "From the commit that queued a job to its claim.", buckets=SECONDS
)
RENDER_SECONDS: Final = Histogram(
    "renderfleet_render_seconds", "One stage of a render.", ["stage"], buckets=SECONDS
)
DISPATCH_FAILURES: Final = Counter(
    "renderfleet_dispatch_failures", "Jobs accepted while Redis was silent; a sweep carries them over."
)
SWEPT: Final = Counter(
    "renderfleet_swept", "Jobs that the sweeper moved: expired leases, lost deliveries.", ["reason"]
)
ERASED: Final = Counter(
    "renderfleet_erased",
    "What was erased because its time was over, or because it belongs to no job.",
    ["what"],
)
SCHEDULE_FIRES: Final = Counter(
    "renderfleet_schedule_fires",
    "Times of schedules that came; with an error type, those that made no job.",
    ["error_type"],
)
BROWSER_LAUNCHES: Final = Counter("renderfleet_browser_launches", "Browser generations started.")
BROWSER_RECYCLES: Final = Counter(
    "renderfleet_browser_recycles", "Planned replacements of a browser.", ["reason"]
)
BROWSER_CRASHES: Final = Counter("renderfleet_browser_crashes", "Unplanned ends of a browser.", ["reason"])
BROWSER_GENERATION: Final = Gauge("renderfleet_browser_generation", "This worker's current generation.")
BROWSER_LAUNCHED_TIMESTAMP_SECONDS: Final = Gauge(
    "renderfleet_browser_launched_timestamp_seconds", "When this worker's current browser was launched."
)
RENDERS: Final = Counter(
    "renderfleet_renders", "Renders, by whether a browser was replaced meanwhile.", ["recycle"]
)
SLOT_WAIT_SECONDS: Final = Histogram(
    "renderfleet_slot_wait_seconds",
    "How long a render waited for a page, by whether a browser was replaced meanwhile.",
    ["recycle"],
    buckets=SECONDS,
)
MEMORY: Final = tuple(mib * 1024 * 1024 for mib in (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048))
RENDER_MEMORY_BYTES: Final = Histogram(
    "renderfleet_render_memory_bytes", "The most that one page's renderer held.", buckets=MEMORY
)
MEMORY_KILLS: Final = Counter(
    "renderfleet_memory_kills", "Pages that were ended because they took too much memory.", ["where"]
)
WORKER_MEMORY_BYTES: Final = Gauge(
    "renderfleet_worker_memory_bytes", "Proportional memory (PSS) of this worker's processes.", ["part"]
)
CONTAINER_MEMORY_LIMIT_BYTES: Final = Gauge(
    "renderfleet_container_memory_limit_bytes", "Memory limit of the container, or the machine's memory."
)
CONTAINER_MEMORY_USED_BYTES: Final = Gauge(
    "renderfleet_container_memory_used_bytes", "Used of it, without page cache that may be dropped."
)
CONTAINER_OOM_KILLS: Final = Counter(
    "renderfleet_container_oom_kills", "Processes that the kernel killed for want of memory."
)
ADMISSION_HELD: Final = Gauge(
    "renderfleet_admission_held", "1 while this worker takes no jobs, or one at a time, for want of memory."
)
DISK_FREE_BYTES: Final = Gauge(
    "renderfleet_disk_free_bytes", "Free on the file system that holds this worker's folder."
)
DISK_HELD: Final = Gauge(
    "renderfleet_disk_held", "1 while this worker takes no jobs for want of space on its disk."
)
CANARIES: Final = Counter(
    "renderfleet_canaries", "Renders that nobody asked for, to know that one would succeed.", ["outcome"]
)
SLOTS_BUSY: Final = Gauge("renderfleet_slots_busy", "Slots of this worker that are rendering.")
EGRESS_CONNECTIONS: Final = Counter(
    "renderfleet_egress_connections", "Connections that pages asked for, by what came of them.", ["outcome"]
)
EGRESS_BLOCKED: Final = Counter(
    "renderfleet_egress_blocked", "Connections of pages that were refused on purpose.", ["rule"]
)
EGRESS_BYTES: Final = Counter(
    "renderfleet_egress_bytes", "Bytes between pages and their targets.", ["direction"]
)
WEBHOOKS: Final = Counter(
    "renderfleet_webhooks", "Attempts to deliver a webhook, by what came of it.", ["outcome"]
)
WEBHOOKS_OVERDUE_SECONDS: Final = Gauge(
    "renderfleet_webhooks_overdue_seconds", "For how long the longest waiting webhook has been due."
)
CACHE_LOOKUPS: Final = Counter(
    "renderfleet_cache_lookups",
    "Looks for an equal request that was rendered before, by who asked and what was found.",
    ["asked_by", "outcome"],
)
HTTP_REQUESTS: Final = Counter(
    "renderfleet_http_requests", "Calls to the API.", ["method", "route", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "renderfleet_http_seconds",
    "Time to answer a call, waiting included.",
    ["method", "route"],
    buckets=SECONDS,
)
LIMITED: Final = Counter(
    "renderfleet_limited", "Calls that were refused because their tenant had reached a limit.", ["limit"]
)
RATES_LOCAL: Final = Gauge(
    "renderfleet_rates_local", "1 while this process counts calls by itself, since Redis does not answer."
)
WAITERS: Final = Gauge(
    "renderfleet_waiters", "Calls that wait for a job's end, or stream its events.", ["kind"]
)
JOBS_OPEN: Final = Gauge(
    "renderfleet_jobs_open", "Jobs that have not ended, as Postgres counts them.", ["state"]
)
WORKERS_PRESENT: Final = Gauge(
    "renderfleet_workers_present", "Workers that have reported within half a minute, as Postgres counts them."
)
WORKERS_UNSANDBOXED: Final = Gauge(
    "renderfleet_workers_unsandboxed", "Those of them whose pages are not in Chromium's sandbox."
)
OLDEST_QUEUED_SECONDS: Final = Gauge("renderfleet_oldest_queued_seconds", "Age of the oldest queued job.")
