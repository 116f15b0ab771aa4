"""Settings that API and worker share, each with its unit, default and range.

Every settings class is read from the environment when its process starts, never at import. Prefix
`RENDERFLEET_`. A wrong value stops the start with the variable's name and what is allowed
(`load_settings`). `docs/settings.md` lists them all; a test holds the two together.
"""

from pathlib import Path
from typing import Annotated, Final, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fleet.hosts import HostPatterns
from fleet.networks import Opening, split_denials, split_network
from fleet.secret_keys import keys_from_text

PREFIX: Final = "RENDERFLEET_"
_ROLE: Final = r"^[a-z_][a-z0-9_]{0,62}$"


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


_Port = Annotated[int, Field(ge=1, le=65_535)]
# Lists are written with commas, not as JSON, which is what pydantic-settings would read.
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Ports = Annotated[tuple[_Port, ...], NoDecode, BeforeValidator(_split)]


class FleetSettings(BaseSettings):
    """Base of all settings: prefix, immutability, nothing read from files behind the operator's back."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class DatabaseSettings(FleetSettings):
    """Where Postgres is and how long one statement may take."""

    database_url: str = Field(
        pattern=r"^postgres(ql)?://",
        description="Postgres 15 or newer, as `postgresql://user:password@host:port/database`.",
    )
    database_pool_size: int = Field(
        default=8, ge=1, le=100, description="Connections to Postgres that one process may hold."
    )
    database_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds that connecting, waiting for a connection, or one statement may take.",
    )


class RoleSettings(FleetSettings):
    """Whom the migrations let read and write rows."""

    database_api_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Role of the API, to which the migrations grant what it needs; empty: the API is the "
        "tables' owner.",
    )
    database_worker_role: str | None = Field(
        default=None,
        pattern=_ROLE,
        description="Role of the workers, to which the migrations grant what they need; empty: they are the "
        "tables' owner.",
    )


class RedisSettings(FleetSettings):
    """Where Redis is and how long one command may take."""

    redis_url: str = Field(
        pattern=r"^(rediss?|unix)://",
        description="Redis 6.2 or newer or Valkey, as `redis://:password@host:port/0`.",
    )
    redis_timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds that connecting or one command may take. A POST waits no longer for it.",
    )


class StorageSettings(FleetSettings):
    """Where artifacts go. Credentials are boto3's usual ones (`AWS_ACCESS_KEY_ID`, profiles, roles)."""

    s3_bucket: str = Field(
        default="renderfleet", min_length=3, max_length=63, description="Bucket that holds the artifacts."
    )
    s3_endpoint_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of an S3 server other than Amazon's; empty means Amazon's own.",
    )
    s3_public_endpoint_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of the same server as callers reach it; presigned addresses are made for it.",
    )
    s3_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Seconds that connecting to S3 or one silent read may take."
    )
    artifact_url_expires_s: int = Field(
        default=900, ge=1, le=604_800, description="Seconds that a presigned address stays valid."
    )
    s3_sse: str = Field(
        default="",
        pattern=r"^(AES256|aws:kms)?$",
        description="How the store encrypts artifacts: `AES256` (its own keys), `aws:kms`, or empty for what "
        "the bucket says.",
    )
    s3_sse_kms_key_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Id, ARN or alias of the KMS key for `aws:kms`; empty means the account's own for S3.",
    )

    @field_validator("s3_sse_kms_key_id")
    @classmethod
    def _key_is_for_kms(cls, key_id: str | None, info: ValidationInfo) -> str | None:
        # What is wrong with S3_SSE itself is told there.
        if key_id is not None and info.data.get("s3_sse", "aws:kms") != "aws:kms":
            raise ValueError(f"a KMS key is used only with {PREFIX}S3_SSE=aws:kms")
        return key_id


class EgressSettings(FleetSettings):
    """Which addresses are reachable besides the public internet, and which of it are not."""

    egress_allow: Words = Field(
        default=(),
        description=(
            "Addresses and networks, with optional port, reachable besides the public internet: "
            "`127.0.0.1:8099,10.1.0.0/16,[fd00::1]:80`. Without a port, all ports. As soon as there is one, "
            "names such as `localhost` are judged by the addresses that they resolve to."
        ),
    )
    egress_ports: Ports = Field(
        default=(80, 443),
        min_length=1,
        description="Ports at which public addresses are reachable, such as `80,443,8443`.",
    )
    egress_deny: Words = Field(
        default=(),
        description=(
            "Addresses and networks, with optional port, and hosts that are not reachable, whatever else "
            "allows them: `192.0.2.0/24,tracker.example.com,*.ads.example.com`."
        ),
    )
    egress_proxy_ports: Ports = Field(
        default=(80, 443, 1080, 3128, 8080, 8888),
        min_length=1,
        description="Ports at which a tenant's own proxy (`proxy.server`) may listen at a public address.",
    )

    @field_validator("egress_allow")
    @classmethod
    def _entries_are_networks(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            split_network(entry)
        return entries

    @field_validator("egress_deny")
    @classmethod
    def _entries_are_networks_or_hosts(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        split_denials(entries)
        return entries

    @property
    def egress_networks(self) -> tuple[Opening, ...]:
        """`egress_allow` as fleet.addresses.AddressPolicy takes it."""
        return tuple(split_network(entry) for entry in self.egress_allow)

    @property
    def egress_denials(self) -> tuple[tuple[Opening, ...], HostPatterns]:
        """`egress_deny` as fleet.addresses.AddressPolicy takes it: networks, and hosts."""
        return split_denials(self.egress_deny)


class TenantSettings(FleetSettings):
    """What a tenant may have and do that has no limits of its own (`python -m fleet.limits`)."""

    tenant_max_queued: int = Field(
        default=100_000,
        ge=0,
        description="Queued jobs that a tenant may have; more are refused with 429. 0: any number.",
    )
    tenant_max_running: int = Field(
        default=0,
        ge=0,
        description="Jobs of a tenant that run at once; more wait in the queue. 0: any number.",
    )
    tenant_max_requests_per_s: float = Field(
        default=500.0,
        ge=0,
        le=100_000,
        description="Calls that a tenant may make in a second, over all API processes; more are refused with "
        "429. 0: any number.",
    )
    tenant_burst: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Calls that a tenant may make at once, after a pause. 0: what two seconds bring.",
    )
    tenant_max_renders_per_month: int = Field(
        default=0,
        ge=0,
        description="Jobs that a tenant may have accepted in a calendar month (UTC); more are refused with "
        "429. 0: any number.",
    )

    @property
    def max_running(self) -> int | None:
        """The cap on running jobs; None: there is none."""
        return self.tenant_max_running or None


class DataSettings(FleetSettings):
    """Where a process may write."""

    data_dir: Path = Field(
        default=Path(".renderfleet"),
        description="Folder for all that is written to disk: profiles, files in flight, embedded engines.",
    )


class SecretSettings(FleetSettings):
    """The keys that seal what tenants give as secret."""

    secret_keys: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "Keys of 32 bytes in base64, separated by commas, for what tenants give as secret: the first "
            "seals, all unseal. Empty: the one in `DATA_DIR/secret-key`, made at the first start."
        ),
    )

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr) -> SecretStr:
        keys_from_text(value.get_secret_value())
        return value

    @property
    def keys(self) -> list[bytes]:
        """The keys, the one that seals first; none: there is a file."""
        return keys_from_text(self.secret_keys.get_secret_value())


class LogSettings(FleetSettings):
    """What is logged and how."""

    log_level: str = Field(
        default="info", pattern=r"^(debug|info|warning|error)$", description="debug, info, warning or error."
    )
    log_format: str = Field(
        default="auto",
        pattern=r"^(auto|human|json)$",
        description="human, json, or auto: human on a terminal, JSON otherwise.",
    )


SettingsT = TypeVar("SettingsT", bound=FleetSettings)


class SettingsError(SystemExit):
    """A setting is missing or wrong. Ends the process with one sentence a variable and exit code 1."""

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """Translate pydantic's findings into sentences that name the environment variable."""
        lines = []
        for finding in error.errors(include_url=False, include_input=False):
            name = PREFIX + "_".join(str(part) for part in finding["loc"][:1]).upper()
            reason = "is not set" if finding["type"] == "missing" else f"is wrong: {finding['msg']}"
            lines.append(f"renderfleet: {name} {reason}. See docs/settings.md.")
        return cls("\n".join(lines))


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read one settings class from the environment.

    Raises:
        SettingsError: a variable is missing or outside what is allowed; its message names each one.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise SettingsError.from_validation(error) from None
