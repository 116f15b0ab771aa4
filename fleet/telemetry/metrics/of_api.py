"""Metrics of the API: of its calls, and what it counts in Postgres for the whole fleet."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from fleet.telemetry.metrics.buckets import SECONDS

JOBS_ACCEPTED: Final = Counter("renderfleet_jobs_accepted", "Jobs answered with 202.")
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
OLDEST_QUEUED_SECONDS: Final = Gauge(
    "renderfleet_oldest_queued_seconds",
    "How long the oldest of the jobs that wait only for a free slot has waited.",
)
BACKLOG_SECONDS: Final = Gauge(
    "renderfleet_backlog_seconds",
    "Seconds that the present slots need for those queued jobs that would end sooner with more slots.",
)
TENANT_BACKLOG_SECONDS: Final = Gauge(
    "renderfleet_tenant_backlog_seconds",
    "Largest estimate for any tenant: seconds until its due jobs have ended, if it gets its share of slots.",
)
SUGGESTED_REPLICAS: Final = Gauge(
    "renderfleet_suggested_replicas", "How many workers would empty the queue within a minute."
)
