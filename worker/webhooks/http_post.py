"""One POST to an address that others chose: through the egress proxy, bounded in time and in bytes.

Nothing of httpcore that could reach further is used: every connection is a tunnel of the egress proxy, which
judges, resolves and dials; no proxy of the environment, no redirect, no connection that is used twice,
HTTP/1.1 alone.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpcore
from pydantic_core import Url

from fleet.webhooks.outbox import DeliveryError
from worker.egress.outbound.stream import END_OF_HEAD
from worker.egress.proxy import LOOPBACK

# Of an answer, its head included: what counts is its status.
MAX_ANSWER_BYTES: Final = 64 * 1024
# Small pieces, so that the event loop comes to its other work between two of them: 64 KiB of the smallest
# chunks (of Transfer-Encoding) take h11 0.2 s at one stretch.
_PIECE_BYTES: Final = 4 * 1024
# For the body, once the status is known. Closing before it has arrived would look like a fault to receivers.
_BODY_TIMEOUT_S: Final = 1.0
_ESTABLISHED: Final = b"HTTP/1.1 200 "


class PostError(Exception):
    """There was no answer; `error` says why. The cause is for operators alone."""

    def __init__(self, error: DeliveryError) -> None:
        super().__init__(error.value)
        self.error = error


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its status, and for how many seconds it asks to be left alone."""

    status: int
    retry_after_s: float | None


def tls_context() -> ssl.SSLContext:
    """The system's and certifi's authorities. Making it takes 20 ms: once for each process."""
    return httpcore.default_ssl_context()


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    proxy_port: int,
    tls: ssl.SSLContext,
) -> Answer:
    """Send it, and read the answer's head. The caller limits the time.

    Args:
        url: a web address as `AddressPolicy` normalised it.
        body: what is sent.
        headers: without Host and Content-Length.
        proxy_port: of the egress proxy; says by its terms what is reachable. One connection is made.
        tls: for https; it verifies the certificate for the host's name.

    Raises:
        PostError: no whole head of an answer came back.
    """
    # The parser that the policy uses: both must mean the same host and port.
    parsed = Url(url)
    scheme, host, port = parsed.scheme, parsed.host or "", parsed.port or 0
    plain_host = host.removeprefix("[").removesuffix("]")
    query = f"?{parsed.query}" if parsed.query is not None else ""
    target = httpcore.URL(
        scheme=scheme, host=plain_host, port=port, target=f"{parsed.path or '/'}{query}".encode("ascii")
    )
    is_default_port = port == {"http": 80, "https": 443}[scheme]
    own = {
        "Host": host if is_default_port else f"{host}:{port}",
        "Connection": "close",
        "Accept": "*/*",
        **headers,
        "Content-Length": str(len(body)),
    }
    pool = httpcore.AsyncConnectionPool(
        ssl_context=tls, max_connections=1, network_backend=_Tunnels(proxy_port)
    )
    try:
        async with (
            pool,
            pool.stream(
                "POST",
                target,
                headers=list(own.items()),
                content=body,
                extensions={"sni_hostname": plain_host.rstrip(".")},
            ) as response,
        ):
            answer = Answer(response.status, _retry_after_s(response.headers))
            # The status says it all; what else comes, or does not, changes nothing.
            with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(_BODY_TIMEOUT_S):
                    async for _ in response.aiter_stream():
                        continue
            return answer
    except _HandshakeError as error:
        raise PostError(DeliveryError.TLS_ERROR) from error
    except httpcore.TimeoutException as error:
        raise PostError(DeliveryError.TIMEOUT) from error
    except (_AnswerTooLongError, httpcore.ProtocolError) as error:
        raise PostError(DeliveryError.ANSWER_INVALID) from error
    except httpcore.NetworkError as error:
        raise PostError(DeliveryError.CONNECTION_FAILED) from error


def _retry_after_s(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Retry-After in either form (RFC 9110, section 10.2.3); None when there is none that makes sense."""
    for name, value in headers:
        if name.lower() == b"retry-after":
            words = value.decode("latin-1").strip()
            if words.isascii() and words.isdecimal():
                return float(words[:12])
            try:
                at = parsedate_to_datetime(words)
            except (ValueError, OverflowError):
                return None
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            return max(0.0, (at - datetime.now(UTC)).total_seconds())
    return None


class _AnswerTooLongError(httpcore.ReadError):
    """More was read than an answer may be long."""


class _HandshakeError(httpcore.ConnectError):
    """The connection stood, but TLS did not come about."""


class _Tunnels(httpcore.AsyncNetworkBackend):
    """Connects through a port of the egress proxy, and in no other way."""

    def __init__(self, proxy_port: int) -> None:
        self._proxy_port = proxy_port
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - httpcore's interface; the caller limits the time
        local_address: str | None = None,  # noqa: ARG002 - the same
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._backend.connect_tcp(LOOPBACK, self._proxy_port, socket_options=socket_options)
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        await stream.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("ascii"))
        head = b""
        while not head.endswith(END_OF_HEAD):
            # Nobody speaks before we do: what comes is the proxy's head, to its end.
            piece = await stream.read(_PIECE_BYTES)
            head += piece
            if not piece or not head.startswith(_ESTABLISHED[: len(head)]) or len(head) > _PIECE_BYTES:
                await stream.aclose()
                raise httpcore.ConnectError("the egress proxy made no connection")
        return _MeteredStream(stream)


class _MeteredStream(httpcore.AsyncNetworkStream):
    """A connection from which only so much can be read: also a head without end is an answer too long."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MAX_ANSWER_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        if self._left == 0:
            raise _AnswerTooLongError
        piece = await self._stream.read(min(max_bytes, _PIECE_BYTES, self._left), timeout)
        if not piece and self._left == MAX_ANSWER_BYTES:
            raise httpcore.ReadError("closed without a word of an answer")
        self._left -= len(piece)
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            raise _HandshakeError(*error.args) from error
        return _MeteredStream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
