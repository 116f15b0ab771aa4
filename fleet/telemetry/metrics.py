"""All metrics in one list: dashboards and alerts depend on their names, labels and units.

They follow Prometheus' conventions: prefix `renderfleet_`, base units, `_total` for counters. The values of
labels come from fixed lists (states, error types, reasons); they are never ids or addresses.
`docs/metrics.md` describes all metrics, and a test compares the two.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

JOBS_ACCEPTED: Final = Counter("renderfleet_jobs_accepted", "Jobs answered with 202.")
JOBS_FINISHED: Final = Counter("renderfleet_jobs_finished", "Jobs that have ended.", ["state", "error_type"])
ATTEMPTS_RETRIED: Final = Counter(
    "renderfleet_attempts_retried",
    "Attempts that failed, after which the job went back to the queue.",
    ["error_type"],
)
ATTEMPTS_DISCARDED: Final = Counter(
    "renderfleet_attempts_discarded", "Results that came too late and were refused by the fence."
)
ATTEMPTS_HANDED_BACK: Final = Counter(
    "renderfleet_attempts_handed_back", "Attempts that a stopping worker handed back to the queue."
)
QUEUE_ENTRIES_DROPPED: Final = Counter(
    "renderfleet_queue_entries_dropped",
    "Queue entries that claimed no job: duplicates, or jobs that have ended.",
)
PICKUP_SECONDS: Final = Histogram(
    "renderfleet_pickup_seconds", "Time from the commit that queued a job to its claim.", buckets=SECONDS
)
RENDER_SECONDS: Final = Histogram(
    "renderfleet_render_seconds", "Time of each stage of a render.", ["stage"], buckets=SECONDS
)
DISPATCH_FAILURES: Final = Counter(
    "renderfleet_dispatch_failures", "Jobs that could not be put into Redis; a sweep does it later."
)
SWEPT: Final = Counter(
    "renderfleet_swept",
    "Jobs that a sweep found: their lease was over, or Redis did not hold them.",
    ["reason"],
)
ERASED: Final = Counter(
    "renderfleet_erased",
    "Artifacts, leftovers of attempts, unfinished uploads and rows that were erased.",
    ["what"],
)
SCHEDULE_FIRES: Final = Counter(
    "renderfleet_schedule_fires",
    "Times of schedules that came. Those with an error type made no job.",
    ["error_type"],
)
BROWSER_LAUNCHES: Final = Counter("renderfleet_browser_launches", "Browsers that were started.")
BROWSER_RECYCLES: Final = Counter(
    "renderfleet_browser_recycles", "Planned replacements of a browser.", ["reason"]
)
BROWSER_CRASHES: Final = Counter("renderfleet_browser_crashes", "Unplanned ends of a browser.", ["reason"])
OWN_BROWSERS: Final = Counter(
    "renderfleet_own_browsers", "Browsers for one job that has crashed before, by how they ended.", ["end"]
)
BROWSER_GENERATION: Final = Gauge(
    "renderfleet_browser_generation", "Number of this worker's browser: 1 for its first one."
)
BROWSER_LAUNCHED_TIMESTAMP_SECONDS: Final = Gauge(
    "renderfleet_browser_launched_timestamp_seconds", "When this worker's browser was started."
)
RENDERS: Final = Counter(
    "renderfleet_renders", "Renders, by whether a browser was being replaced meanwhile.", ["recycle"]
)
SLOT_WAIT_SECONDS: Final = Histogram(
    "renderfleet_slot_wait_seconds",
    "How long a render waited for a page, by whether a browser was being replaced meanwhile.",
    ["recycle"],
    buckets=SECONDS,
)
MEMORY: Final = tuple(mib * 1024 * 1024 for mib in (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048))
RENDER_MEMORY_BYTES: Final = Histogram(
    "renderfleet_render_memory_bytes", "Peak memory of the process of one page.", buckets=MEMORY
)
MEMORY_KILLS: Final = Counter(
    "renderfleet_memory_kills", "Pages that were ended because they used too much memory.", ["where"]
)
PAGES_ENDED: Final = Counter(
    "renderfleet_pages_ended",
    "Pages that were ended because they kept the browser busy, opened many windows or began many downloads.",
)
WORKER_MEMORY_BYTES: Final = Gauge(
    "renderfleet_worker_memory_bytes", "Proportional memory (PSS) of this worker's processes.", ["part"]
)
CONTAINER_MEMORY_LIMIT_BYTES: Final = Gauge(
    "renderfleet_container_memory_limit_bytes", "Memory limit of the container, or the machine's memory."
)
CONTAINER_MEMORY_USED_BYTES: Final = Gauge(
    "renderfleet_container_memory_used_bytes",
    "Memory used in the container, without file cache that the kernel may drop.",
)
CONTAINER_OOM_KILLS: Final = Counter(
    "renderfleet_container_oom_kills", "Processes that the kernel killed because memory ran out."
)
ADMISSION_HELD: Final = Gauge(
    "renderfleet_admission_held",
    "1 while this worker takes no jobs, or one at a time, because too little memory is free.",
)
DISK_FREE_BYTES: Final = Gauge(
    "renderfleet_disk_free_bytes", "Free space of the file system that has this worker's folder."
)
DISK_HELD: Final = Gauge(
    "renderfleet_disk_held", "1 while this worker takes no jobs because too little of its disk is free."
)
CANARIES: Final = Counter(
    "renderfleet_canaries", "Test renders of this worker, by their result.", ["outcome"]
)
SLOTS_BUSY: Final = Gauge("renderfleet_slots_busy", "Slots of this worker in which something renders.")
EGRESS_CONNECTIONS: Final = Counter(
    "renderfleet_egress_connections",
    "Connections that pages asked the egress proxy for, by their result.",
    ["outcome"],
)
EGRESS_BLOCKED: Final = Counter(
    "renderfleet_egress_blocked", "Connections of pages that a rule refused.", ["rule"]
)
EGRESS_BYTES: Final = Counter(
    "renderfleet_egress_bytes", "Bytes between pages and their targets.", ["direction"]
)
WEBHOOKS: Final = Counter(
    "renderfleet_webhooks", "Attempts to send a webhook message, by their result.", ["outcome"]
)
WEBHOOKS_OVERDUE_SECONDS: Final = Gauge(
    "renderfleet_webhooks_overdue_seconds", "How long the oldest webhook message has been due."
)
CACHE_LOOKUPS: Final = Counter(
    "renderfleet_cache_lookups",
    "Searches for an earlier result of the same request, by who asked and what was found.",
    ["asked_by", "outcome"],
)
HTTP_REQUESTS: Final = Counter(
    "renderfleet_http_requests", "Calls to the API.", ["method", "route", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "renderfleet_http_seconds",
    "Time to answer a call, waiting for jobs included.",
    ["method", "route"],
    buckets=SECONDS,
)
LIMITED: Final = Counter(
    "renderfleet_limited", "Calls that were refused because their tenant had reached a limit.", ["limit"]
)
RATES_LOCAL: Final = Gauge(
    "renderfleet_rates_local", "1 while this process counts calls by itself because Redis does not answer."
)
WAITERS: Final = Gauge(
    "renderfleet_waiters", "Calls that wait for a job's end, or stream its events.", ["kind"]
)
JOBS_OPEN: Final = Gauge("renderfleet_jobs_open", "Jobs that have not ended, counted in Postgres.", ["state"])
WORKERS_PRESENT: Final = Gauge(
    "renderfleet_workers_present", "Workers that have reported within half a minute, counted in Postgres."
)
WORKERS_UNSANDBOXED: Final = Gauge(
    "renderfleet_workers_unsandboxed", "Workers among them that render without Chromium's sandbox."
)
OLDEST_QUEUED_SECONDS: Final = Gauge("renderfleet_oldest_queued_seconds", "Age of the oldest queued job.")
