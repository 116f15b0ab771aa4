"""The names of all settings of all programs, so that one that nobody knows is noticed.

A process knows only its own settings, and gets those of others too: Compose and `make run` hand the same
variables to all. A test holds this list and the settings classes together. The standard library alone: `make
run` reads it before anything else.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "RENDERFLEET_"
# RENDERFLEET_DATABASE_URL_FILE names a file with the value of RENDERFLEET_DATABASE_URL.
FILE_SUFFIX: Final = "_FILE"
# What `make run` alone reads, the tests, and the client (clients/python).
_OTHERS: Final = ("WORKERS", "UPDATE_GOLDEN", "URL", "API_KEY", "PROFILE")
NAMES: Final = frozenset(
    [
        "API_ALLOWED_HOSTS",
        "API_BODY_TIMEOUT_S",
        "API_CORS_ORIGINS",
        "API_EVENTS_KEEPALIVE_S",
        "API_FILES_TIMEOUT_S",
        "API_HEAD_TIMEOUT_S",
        "API_HOST",
        "API_KEEP_ALIVE_S",
        "API_KEY_CACHE_S",
        "API_MAX_BATCH_BYTES",
        "API_MAX_BODY_BYTES",
        "API_MAX_CONNECTIONS",
        "API_MAX_FILES_BYTES",
        "API_MAX_HEAD_BYTES",
        "API_MAX_REQUESTS",
        "API_MAX_WAITERS",
        "API_PORT",
        "API_PUBLIC_URL",
        "API_SEND_TIMEOUT_S",
        "API_SHUTDOWN_GRACE_S",
        "API_UI",
        "ARTIFACT_URL_EXPIRES_S",
        "BROWSER_DRAIN_S",
        "BROWSER_LAUNCH_TIMEOUT_S",
        "BROWSER_MAX_AGE_S",
        "BROWSER_MAX_PAGES",
        "BROWSER_MAX_RENDERS",
        "BROWSER_MAX_RSS_MB",
        "BROWSER_PING_INTERVAL_S",
        "BROWSER_PING_TIMEOUT_S",
        "BROWSER_WARM_PAGES",
        "CANARY_INTERVAL_S",
        "CAPTURE_MEMORY_MB",
        "CHROMIUM_EXECUTABLE",
        "CHROMIUM_SANDBOX",
        "DATABASE_API_ROLE",
        "DATABASE_POOLING",
        "DATABASE_POOL_SIZE",
        "DATABASE_TIMEOUT_S",
        "DATABASE_URL",
        "DATABASE_WORKER_ROLE",
        "DATA_DIR",
        "DISK_MIN_FREE_MB",
        "EGRESS_ALLOW",
        "EGRESS_CONNECT_TIMEOUT_S",
        "EGRESS_DENY",
        "EGRESS_IDLE_TIMEOUT_S",
        "EGRESS_MAX_BYTES_PER_JOB",
        "EGRESS_MAX_CONNECTIONS_PER_JOB",
        "EGRESS_MAX_OPEN_CONNECTIONS_PER_JOB",
        "EGRESS_PORTS",
        "EGRESS_PROXY_PORTS",
        "EGRESS_RESOLVE_TIMEOUT_S",
        "EGRESS_SERVICE_HOST",
        "EGRESS_SERVICE_PORT",
        "EGRESS_SERVICE_TOKEN",
        "EGRESS_SERVICE_URL",
        "EVIDENCE_MAX_BYTES",
        "EVIDENCE_MAX_REQUESTS",
        "ERASE_INTERVAL_S",
        "FILTER_LISTS_ADS_URL",
        "FILTER_LISTS_FOLDER",
        "FILTER_LISTS_TRACKERS_URL",
        "HEARTBEAT_INTERVAL_S",
        "JOB_HISTORY_S",
        "LEASE_S",
        "LINK_CACHE_TTL_S",
        "LINK_FAILURE_TTL_S",
        "LINK_MAX_LIFETIME_S",
        "LINK_WAIT_S",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "MAX_ARTIFACT_BYTES",
        "MEMORY_RESERVE_MB",
        "REDIS_SENTINEL_PASSWORD",
        "REDIS_TIMEOUT_S",
        "REDIS_URL",
        "RENDER_MEMORY_LIMIT_MB",
        "S3_BUCKET",
        "S3_ENDPOINT_URL",
        "S3_PUBLIC_ENDPOINT_URL",
        "S3_REGION",
        "S3_SSE",
        "S3_SSE_KMS_KEY_ID",
        "S3_TIMEOUT_S",
        "SECRET_KEYS",
        "SHUTDOWN_GRACE_S",
        "SWEEP_INTERVAL_S",
        "TENANT_BURST",
        "TENANT_MAX_QUEUED",
        "TENANT_MAX_RENDERS_PER_MONTH",
        "TENANT_MAX_REQUESTS_PER_S",
        "TENANT_MAX_RUNNING",
        "TRACES_ENDPOINT",
        "TRACES_SAMPLE",
        "WEBHOOK_TIMEOUT_S",
        "WORKER_METRICS_PORT",
        "WORKER_STALLED_AFTER_S",
    ]
)


def unknown(variables: Iterable[str]) -> list[str]:
    """The variables with our prefix that no program reads, each with the known name that is most like it.

    Args:
        variables: names of environment variables.
    """
    known = {PREFIX + name for name in (*NAMES, *_OTHERS)} | {
        f"{PREFIX}{name}{FILE_SUFFIX}" for name in NAMES
    }
    strange = sorted(name for name in variables if name.startswith(PREFIX) and name not in known)
    return [_with_a_guess(name, known) for name in strange]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one. None: none is like it."""
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    return close[0] if close else None


def _with_a_guess(name: str, known: Iterable[str]) -> str:
    like = nearest(name, known)
    return f"{name} (did you mean {like}?)" if like else name
