"""Connections to Redis: to one server, by TLS or not, or to the one that sentinels name as the primary."""

import weakref
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import BlockingConnectionPool, ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection
from redis.backoff import NoBackoff

SENTINEL_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT: Final = 26379


def make_pool(
    url: str,
    *,
    sentinel_password: str | None = None,
    max_connections: int,
    timeout_s: float,
    silence_s: float,
) -> ConnectionPool:
    """A pool that connects at the first command, with a limit on every wait.

    Args:
        url: as in `RedisSettings.redis_url`.
        sentinel_password: what the sentinels ask for, if `url` names sentinels.
        max_connections: how many may be open; more wait for a free one.
        timeout_s: for connecting, and for a free connection.
        silence_s: how long an answer may take.
    """
    limits: dict[str, Any] = {
        "socket_timeout": silence_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
    }
    options: dict[str, Any] = {
        **limits,
        "max_connections": max_connections,
        "timeout": timeout_s,
        "health_check_interval": 15,
        "retry": Retry(NoBackoff(), 1),  # one new connection, because Redis may have closed an idle one
        "retry_on_error": [ConnectionError],
    }
    scheme = urlsplit(url).scheme
    # redis-py 5 checks the certificate, but by default not whose it is.
    tls = {"ssl_check_hostname": True} if scheme.startswith("rediss") else {}
    if scheme not in SENTINEL_SCHEMES:
        # What the address itself says counts, such as `?ssl_ca_certs=`.
        return BlockingConnectionPool.from_url(url, **options, **tls)
    places, name, server = sentinels_of(url)
    asked = {key: value for key, value in server.items() if key.startswith("ssl_")}
    if tls:
        asked = {"ssl": True, **tls, **asked}
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        places, sentinel_kwargs={**limits, **asked, "password": sentinel_password}
    )
    return _PrimaryPool(sentinels, name, is_tls=bool(tls), **options, **tls, **server)


def sentinels_of(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """What `redis+sentinel://:password@host:port,host:port/name/0` says.

    Returns:
        Where the sentinels are, the name under which they know the primary, and how to connect to that.

    Raises:
        ValueError: the address has no host or no name, or a port that is no number.
    """
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    name, _, number = parts.path.strip("/").partition("/")
    places = []
    for place in filter(None, hosts.split(",")):
        host = urlsplit(f"//{place}")
        places.append((host.hostname or "", host.port or _SENTINEL_PORT))
    if not name or not places or not all(host for host, _ in places) or not (number or "0").isdecimal():
        raise ValueError(
            "it has to be redis+sentinel://:password@host:26379,host:26379/NAME-OF-THE-PRIMARY/0"
        )
    user, _, password = login.partition(":")
    plain = f"redis://{user}:{password}@host/{number or 0}?{parts.query}"
    options: dict[str, Any] = {**parse_url(plain)}
    options.pop("host")
    return places, unquote(name), options


class _PrimaryPool(BlockingConnectionPool):
    """Connections to the server that is the primary now. redis-py's own pool of this kind does not wait.

    Each new connection asks the sentinels. After a failover the old ones end, or say that their server takes
    no writes any more, which counts as their end.
    """

    # What redis-py's connections of this kind read from their pool.
    is_master = True
    check_connection = False

    def __init__(self, sentinels: Sentinel, name: str, *, is_tls: bool, **options: Any) -> None:
        kind = SentinelManagedSSLConnection if is_tls else SentinelManagedConnection
        super().__init__(connection_class=kind, connection_pool=weakref.proxy(self), **options)
        self._sentinels = sentinels
        self._name = name

    async def get_master_address(self) -> tuple[str, int]:
        """Where the primary is.

        Raises:
            redis.exceptions.ConnectionError: no sentinel answers, or none knows it.
        """
        host, port = await self._sentinels.discover_master(self._name)
        return host, int(port)

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's own
        """Close all connections, those to the sentinels too."""
        await super().disconnect(inuse_connections)
        for sentinel in self._sentinels.sentinels:
            await sentinel.aclose(close_connection_pool=True)
