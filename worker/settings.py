"""Settings of a worker: its browser, its slots, its attempts."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, field_validator

from fleet.artifacts.settings import StorageSettings
from fleet.database import DatabaseSettings
from fleet.egress.settings import EgressSettings
from fleet.filters.settings import FilterSettings
from fleet.queue.settings import RedisSettings
from fleet.settings import DataSettings, FleetSettings, load_settings
from fleet.telemetry.traces.settings import TraceSettings
from fleet.tenants.settings import TenantSettings
from fleet.vault.settings import SecretSettings

# One render keeps about one core busy; more slots than this only help pages that wait for the network.
_DEFAULT_PAGES: Final = max(1, min(4, os.cpu_count() or 1))

# What a token consists of: characters that need no escaping in a URL.
_PLAIN_CHARACTERS: Final = r"[A-Za-z0-9._~-]{16,256}"
SERVICE_URL: Final = re.compile(
    rf"http://:(?P<token>{_PLAIN_CHARACTERS})@(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))"
    r":(?P<port>[0-9]{1,5})/?"
)


class BrowserSettings(FleetSettings):
    """The one Chromium of a worker and the life of its generations."""

    browser_max_pages: int = Field(
        default=_DEFAULT_PAGES,
        ge=1,
        le=200,
        description="Renders that one worker does at the same time: its slots. Default: the number of cores, "
        "at most 4.",
    )
    browser_warm_pages: int = Field(
        default=1,
        ge=0,
        le=16,
        description="Fresh pages that are prepared in advance. Each is used for one render, then closed.",
    )
    browser_max_age_s: float = Field(
        default=3600, ge=1, description="Seconds after which a browser is replaced, varied by up to a tenth."
    )
    browser_max_renders: int = Field(
        default=1000, ge=1, description="Renders after which a browser is replaced."
    )
    browser_max_rss_mb: int = Field(
        default=512,
        ge=128,
        le=65_536,
        description="Memory in MiB of the browser's own processes above which it is replaced. The processes "
        "of its pages do not count.",
    )
    render_memory_limit_mb: int | None = Field(
        default=None,
        ge=64,
        le=65_536,
        description="Memory in MiB that one page may use. A page that uses more is ended. Default: 512, or "
        "less in a small container.",
    )
    capture_memory_mb: int | None = Field(
        default=None,
        ge=80,
        le=65_536,
        description="Memory in MiB that large pictures may need at once in one browser: 20 bytes for each "
        "pixel. Others wait; a picture that needs more by itself is refused. Default: 763, enough for the "
        "largest picture (40,000,000 pixels), or less in a small container.",
    )
    browser_launch_timeout_s: float = Field(
        default=30, ge=1, le=300, description="Seconds that starting a browser may take."
    )
    browser_drain_s: float = Field(
        default=330,
        ge=0,
        le=3600,
        description="Seconds that the renders of a browser may still take when it is replaced. The default "
        "is longer than any render, so that a planned replacement interrupts none.",
    )
    browser_ping_interval_s: float = Field(
        default=5, gt=0, le=60, description="Seconds between two checks whether the browser still answers."
    )
    browser_ping_timeout_s: float = Field(
        default=2,
        gt=0,
        le=60,
        description="Seconds that the answer to such a check may take. After two checks without an answer, "
        "the browser is killed.",
    )
    chromium_executable: Path | None = Field(
        default=None, description="Path of the Chromium to run. Empty: the one that Playwright has installed."
    )
    chromium_sandbox: bool = Field(
        default=True,
        description="on or off: Chromium's own sandbox. Off is for machines that cannot have it.",
    )


class AdmissionSettings(FleetSettings):
    """How near a worker may come to the memory limit of its container."""

    # Measured: usual pages need 20 to 60 MiB each. A worker with one slot in a container of 512 MiB always
    # had 180 MiB free or more in 40 renders, so this default does not stop it.
    memory_reserve_mb: int = Field(
        default=96,
        ge=0,
        le=1_048_576,
        description="Free memory in MiB that the container must have for one more render. With less, the "
        "worker takes no job. 0: no check.",
    )


class DiskSettings(FleetSettings):
    """How full the disk of a worker may be."""

    # A page takes up to 30 MB of shared memory while it renders, a picture of 2560 x 24000 pixels 235 MB.
    disk_min_free_mb: int = Field(
        default=256,
        ge=0,
        le=1_048_576,
        description="Free space in MiB that the disk of DATA_DIR must have. With less, the worker takes "
        "no job. 0: no check.",
    )


class AttemptSettings(FleetSettings):
    """Leases and shutdown of one worker's attempts, and how much each may produce."""

    lease_s: float = Field(
        default=15,
        ge=2,
        le=300,
        description="Seconds without a sign of life after which a worker's jobs run again on another worker.",
    )
    heartbeat_interval_s: float = Field(
        default=4,
        gt=0,
        le=100,
        description="Seconds between two signs of life of a worker. At most a third of LEASE_S.",
    )
    sweep_interval_s: float = Field(
        default=5,
        gt=0,
        le=300,
        description="Longest time in seconds between two searches of one worker for lost jobs. The shortest "
        "is half of it.",
    )
    shutdown_grace_s: float = Field(
        default=8, ge=0, le=3600, description="Seconds that running jobs may still take after SIGTERM."
    )
    max_artifact_bytes: int = Field(
        default=500 * 1024 * 1024, ge=1024, description="Largest artifact in bytes that a render may produce."
    )
    evidence_max_bytes: int = Field(
        default=50 * 1024 * 1024,
        ge=65_536,
        le=2**31 - 1,
        description="Largest evidence of a job in bytes, before it is compressed into the zip file. What "
        "exceeds this is left out. While the job runs, the browser may need this much more memory.",
    )
    evidence_max_requests: int = Field(
        default=2_000,
        ge=1,
        le=100_000,
        description="Requests of a page that its evidence tells of. What is more is left out.",
    )


class HealthSettings(FleetSettings):
    """How a worker checks its health, and where it reports it."""

    worker_metrics_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port of this worker's `/livez`, `/readyz` and `/metrics`. 0: no port.",
    )
    worker_stalled_after_s: float = Field(
        default=10,
        gt=0,
        le=300,
        description="Seconds without progress of the event loop after which `/livez` says no.",
    )
    canary_interval_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds without a successful render after which the worker renders a test page, the "
        "canary. Varied by up to a tenth.",
    )


class RetentionSettings(FleetSettings):
    """How often a worker searches for old data, and how long ended jobs are kept."""

    erase_interval_s: float = Field(
        default=10,
        gt=0,
        le=3600,
        description="Seconds between two searches of one worker for data to erase, varied by up to a half.",
    )
    job_history_s: int = Field(
        default=30 * 24 * 3600,
        ge=24 * 3600,
        le=10 * 366 * 24 * 3600,
        description="Seconds for which a job is kept after its end. It is never erased before its artifact.",
    )


class EgressResolverSettings(FleetSettings):
    """How long the egress proxy waits for name servers."""

    egress_resolve_timeout_s: float = Field(
        default=5, gt=0, le=60, description="Seconds that resolving a host name may take."
    )


class EgressProxySettings(FleetSettings):
    """How much of the network one page may use, and how long the egress proxy waits."""

    egress_max_bytes_per_job: int = Field(
        default=1024 * 1024 * 1024,
        ge=1024,
        description="Bytes that one page may send and receive together. Then its connections are cut.",
    )
    egress_max_connections_per_job: int = Field(
        default=10_000, ge=1, description="Connections that one page may open in total."
    )
    # Chromium opens 32 for a page at most, and as many again for its WebSockets.
    egress_max_open_connections_per_job: int = Field(
        default=64, ge=1, le=1000, description="Connections that one page may have open at once."
    )
    egress_connect_timeout_s: float = Field(
        default=10, gt=0, le=60, description="Seconds that connecting to a target may take."
    )
    egress_idle_timeout_s: float = Field(
        default=60, ge=1, le=3600, description="Seconds without data after which a connection is cut."
    )
    egress_service_url: SecretStr | None = Field(
        default=None,
        description="Address of the egress service that this worker connects through, as "
        "`http://:TOKEN@host:3128`. Empty: the worker connects directly.",
    )

    @field_validator("egress_service_url")
    @classmethod
    def _is_address_with_token(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and SERVICE_URL.fullmatch(url.get_secret_value()) is None:
            raise ValueError(
                "it must look like http://:TOKEN@host:3128, with a token of 16 characters or more"
            )
        return url


class EgressServiceSettings(FleetSettings):
    """The egress service, `python -m worker.egress`."""

    egress_service_token: SecretStr = Field(
        description="Token that workers must send to the egress service: 16 to 256 letters, digits, `.`, "
        "`_`, `~`, `-`. Required.",
    )
    egress_service_host: str = Field(
        default="127.0.0.1", description="Address that the egress service listens at."
    )
    egress_service_port: int = Field(
        default=3128,
        ge=0,
        le=65_535,
        description="Port that the egress service listens at. 0: any free port.",
    )

    @field_validator("egress_service_token")
    @classmethod
    def _is_long_and_plain(cls, token: SecretStr) -> SecretStr:
        if re.fullmatch(_PLAIN_CHARACTERS, token.get_secret_value()) is None:
            raise ValueError("it must be 16 to 256 letters, digits, dots, underscores, tildes and dashes")
        return token


class WebhookSettings(FleetSettings):
    """How webhooks are sent."""

    webhook_timeout_s: float = Field(
        default=15, gt=0, le=60, description="Seconds that one attempt to send a webhook message may take."
    )
    api_public_url: str = Field(
        default="",
        pattern=r"^(https?://|$)",
        description="Address at which receivers of webhooks reach the API, such as "
        "`https://renders.example.com`. The `links` in a webhook begin with it. Empty: `links` is null in "
        "webhooks.",
    )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """All that a worker reads when it starts."""

    admission: AdmissionSettings
    attempt: AttemptSettings
    browser: BrowserSettings
    data: DataSettings
    database: DatabaseSettings
    disk: DiskSettings
    egress: EgressSettings
    egress_resolver: EgressResolverSettings
    egress_proxy: EgressProxySettings
    filters: FilterSettings
    health: HealthSettings
    redis: RedisSettings
    retention: RetentionSettings
    secrets: SecretSettings
    storage: StorageSettings
    tenant: TenantSettings
    traces: TraceSettings
    webhook: WebhookSettings

    @classmethod
    def load(cls) -> Self:
        """Read the environment.

        Raises:
            fleet.settings.SettingsError: a setting is missing or wrong.
        """
        return cls(
            admission=load_settings(AdmissionSettings),
            attempt=load_settings(AttemptSettings),
            browser=load_settings(BrowserSettings),
            data=load_settings(DataSettings),
            database=load_settings(DatabaseSettings),
            disk=load_settings(DiskSettings),
            egress=load_settings(EgressSettings),
            egress_resolver=load_settings(EgressResolverSettings),
            egress_proxy=load_settings(EgressProxySettings),
            filters=load_settings(FilterSettings),
            health=load_settings(HealthSettings),
            redis=load_settings(RedisSettings),
            retention=load_settings(RetentionSettings),
            secrets=load_settings(SecretSettings),
            storage=load_settings(StorageSettings),
            tenant=load_settings(TenantSettings),
            traces=load_settings(TraceSettings),
            webhook=load_settings(WebhookSettings),
        )
