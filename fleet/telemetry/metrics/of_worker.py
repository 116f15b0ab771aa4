"""Metrics of a worker: of its attempts, its browser and its machine, and of what it does besides."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from fleet.telemetry.metrics.buckets import MEMORY, SECONDS

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
PAGE_STOPS: Final = Counter(
    "renderfleet_page_stops",
    "Times that a page was stopped for a moment because it sent the browser more than that could handle.",
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
