"""Asks a tenant's own proxy for a connection: HTTP CONNECT (RFC 9110), SOCKS5 (RFC 1928, RFC 1929).

The proxy gets the name of the target and resolves it itself. Whether the job may reach this host was checked
before.
"""

import asyncio
import base64
import re
from http import HTTPStatus
from typing import Final

from fleet.egress.hosts import authority
from fleet.egress.policy import Target
from fleet.render.options.identity import ProxyScheme
from worker.egress.outbound.stream import END_OF_HEAD, Stream, StreamEndedError
from worker.egress.refusal import RefusalError
from worker.egress.terms import Upstream
from worker.egress.verdicts import ConnectionOutcome, Verdict

_STATUS: Final = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?=[ \r])")
_GATEWAY_STATUSES: Final = {
    502: ConnectionOutcome.FAILED,
    503: ConnectionOutcome.FAILED,
    504: ConnectionOutcome.TIMED_OUT,
}

_SOCKS5: Final = 5
_NO_AUTHENTICATION: Final = 0
_PASSWORD: Final = 2
_PASSWORD_VERSION: Final = 1
_NONE_ACCEPTED: Final = 0xFF
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_BYTES: Final = {_IPV4: 4, _IPV6: 16}

WRONG_CREDENTIALS: Final = "The proxy wants other credentials."
NO_PROXY: Final = "What is at the address in `proxy` does not answer as a proxy of this kind does."
# RFC 1928, section 6.
_REPLIES: Final = {
    1: Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy failed."),
    2: Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy does not allow this connection."),
    3: Verdict(ConnectionOutcome.FAILED, detail="The proxy cannot reach that network."),
    4: Verdict(ConnectionOutcome.FAILED, detail="The proxy cannot reach that host."),
    5: Verdict(ConnectionOutcome.FAILED, detail="The host refused the proxy's connection."),
    6: Verdict(ConnectionOutcome.TIMED_OUT, detail="The proxy got no answer in time."),
    7: Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy makes no connections."),
    8: Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy does not resolve names."),
}


def basic(username: str, password: str) -> bytes:
    """The value of Proxy-Authorization (RFC 7617); nothing without a user name and a password."""
    if not (username or password):
        return b""
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())


def refused_status(status: int) -> Verdict:
    """The verdict for the status with which an HTTP proxy refuses a connection; 0: no status."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS)
    if status in _GATEWAY_STATUSES:
        return Verdict(_GATEWAY_STATUSES[status], detail=f"The proxy answered {status}.")
    if not status:
        return Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY)
    return Verdict(ConnectionOutcome.PROXY_REFUSED, detail=f"The proxy answered {status}.")


async def enter(stream: Stream, upstream: Upstream, target: Target) -> None:
    """Ask the proxy at the other end of a stream to connect it to the target.

    Raises:
        RefusalError: the proxy refuses, fails, or is no such proxy.
    """
    try:
        if upstream.scheme is ProxyScheme.SOCKS5:
            await _socks5(stream, upstream, target)
        else:
            credentials = basic(upstream.username, upstream.password)
            status, _ = await connect(stream, target, credentials)
            if not _is_success(status):
                raise RefusalError(refused_status(status))
    except StreamEndedError:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY)) from None


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - RFC 9110, section 9.3.6: any 2xx


async def connect(stream: Stream, target: Target, credentials: bytes) -> tuple[int, bytes]:
    """Send CONNECT. Returns the status of the answer (0 if it has none), and its head.

    Raises:
        StreamEndedError: there is no answer.
    """
    wanted = authority(target.host, target.port).encode()
    lines = [b"CONNECT " + wanted + b" HTTP/1.1", b"Host: " + wanted]
    if credentials:
        lines.append(b"Proxy-Authorization: " + credentials)
    stream.transport.write(b"\r\n".join((*lines, b"", b"")))
    head = await stream.read_head(END_OF_HEAD)
    found = _STATUS.match(head)
    return (int(found[1]) if found is not None else 0), head


async def _socks5(stream: Stream, upstream: Upstream, target: Target) -> None:
    methods = (_NO_AUTHENTICATION, _PASSWORD) if upstream.username else (_NO_AUTHENTICATION,)
    stream.transport.write(bytes((_SOCKS5, len(methods), *methods)))
    try:
        async with asyncio.timeout(upstream.greeting_s):
            version, method = await stream.read(2)
    except TimeoutError:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY)) from None
    if version != _SOCKS5:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY))
    if method == _PASSWORD and upstream.username:
        await _authenticate(stream, upstream)
    elif method == _NONE_ACCEPTED:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS))
    elif method != _NO_AUTHENTICATION:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY))
    stream.transport.write(bytes((_SOCKS5, _CONNECT, 0)) + _address(target) + target.port.to_bytes(2, "big"))
    version, reply, _, kind = await stream.read(4)
    if version != _SOCKS5:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY))
    if reply != 0:
        raise RefusalError(_REPLIES.get(reply, _REPLIES[1]))
    length = (await stream.read(1))[0] if kind == _NAME else _ADDRESS_BYTES.get(kind)
    if length is None:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY))
    await stream.read(length + 2)  # the proxy's own address and port, which are not needed


async def _authenticate(stream: Stream, upstream: Upstream) -> None:
    """RFC 1929."""
    username, password = upstream.username.encode(), upstream.password.encode()
    message = bytes((_PASSWORD_VERSION, len(username))) + username + bytes((len(password),)) + password
    stream.transport.write(message)
    _, status = await stream.read(2)
    if status != 0:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS))


def _address(target: Target) -> bytes:
    if target.address is not None:
        return bytes((_IPV4 if target.address.version == 4 else _IPV6,)) + target.address.packed  # noqa: PLR2004
    name = target.host.encode()
    return bytes((_NAME, len(name))) + name
