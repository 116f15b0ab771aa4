"""Where Redis is."""

from pydantic import Field

from fleet.settings import Address, FleetSettings


class RedisSettings(FleetSettings):
    """Where Redis is and how long one command may take."""

    redis_url: Address = Field(
        pattern=r"^(rediss?|unix)://",
        description="Redis 6.2 or newer or Valkey, as `redis://:password@host:port/0`.",
    )
    redis_timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds that connecting or one command may take. A POST never waits longer for Redis.",
    )
