"""Where Redis is."""

from typing import Any

from pydantic import Field, SecretStr, field_validator

from fleet.queue.redis_pool import SENTINEL_SCHEMES, sentinels_of
from fleet.settings import Address, FleetSettings


class RedisSettings(FleetSettings):
    """Where Redis is and how long one command may take."""

    redis_url: Address = Field(
        pattern=r"^(rediss?(\+sentinel)?|unix)://",
        description="Redis 6.2 or newer or Valkey, as `redis://:password@host:port/0`; `rediss://` for "
        "TLS; `redis+sentinel://:password@host:port,host:port/NAME/0` for the server that these sentinels "
        "call NAME.",
    )
    redis_sentinel_password: SecretStr | None = Field(
        default=None, description="Password of the sentinels. Empty: they have none."
    )
    redis_timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds that connecting or one command may take. A POST never waits longer for Redis.",
    )

    @field_validator("redis_url")
    @classmethod
    def _names_sentinels_well(cls, url: str) -> str:
        if url.partition("://")[0] in SENTINEL_SCHEMES:
            sentinels_of(url)
        return url

    @property
    def connection(self) -> dict[str, Any]:
        """How to connect, as arguments of `arq_adapter.connect`."""
        password = self.redis_sentinel_password
        return {
            "url": self.redis_url,
            "timeout_s": self.redis_timeout_s,
            "sentinel_password": password.get_secret_value() if password else None,
        }
