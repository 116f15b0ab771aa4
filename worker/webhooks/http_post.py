"""Sends one POST to a URL that a tenant chose: through the egress proxy, limited in time and in bytes.

Every connection of httpcore is a tunnel of the egress proxy, which checks the address, resolves the name and
connects. Features of httpcore that could reach other addresses are not used: proxies from the environment,
redirects, connections that are used twice, HTTP/2.
"""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import httpcore
from pydantic_core import Url

from fleet.webhooks.outbox import DeliveryError
from worker.egress.outbound.stream import END_OF_HEAD
from worker.egress.proxy import LOOPBACK

# How much of a response is read, its head included. Only the status is used.
MAX_RESPONSE_BYTES: Final = 64 * 1024
# The response is read in small pieces, so that the event loop can do other work between two of them: for
# 64 KiB of the smallest chunks (Transfer-Encoding) h11 needs 0.2 s without a pause.
_PIECE_BYTES: Final = 4 * 1024
# For the body, after the status. Closing the connection before it has arrived would look like a fault to the
# receiver.
_BODY_TIMEOUT_S: Final = 1.0
_ESTABLISHED: Final = b"HTTP/1.1 200 "


class PostError(Exception):
    """There was no response; `error` says why. The exception's cause is for operators only."""

    def __init__(self, error: DeliveryError) -> None:
        super().__init__(error.value)
        self.error = error


@dataclass(frozen=True, slots=True)
class ReceiverResponse:
    """The status of a receiver's response, and its Retry-After in seconds; None: it has none."""

    status: int
    retry_after_s: float | None


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Trusts the authorities of the system and of certifi. The first call in a process takes 20 to 50 ms."""
    return httpcore.default_ssl_context()


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    proxy_port: int,
    tls: ssl.SSLContext | None,
) -> ReceiverResponse:
    """Send the request, and read the head of the response. The caller limits the time.

    Args:
        url: a web address as `AddressPolicy` normalised it.
        body: the body of the request.
        headers: without Host and Content-Length.
        proxy_port: a port of the egress proxy; its terms say what is reachable. One connection is made.
        tls: for https; it verifies that the certificate is for the host of `url`. None for http.

    Raises:
        PostError: no complete head of a response was received.
    """
    target = _Target.parse(url)
    own = {
        "Host": target.host_field,
        "Connection": "close",
        "Accept": "*/*",
        **headers,
        "Content-Length": str(len(body)),
    }
    pool = httpcore.AsyncConnectionPool(
        ssl_context=tls, max_connections=1, network_backend=_Tunnels(proxy_port)
    )
    with _errors_translated():
        async with (
            pool,
            pool.stream(
                "POST",
                target.url,
                headers=list(own.items()),
                content=body,
                extensions={"sni_hostname": target.certificate_name},
            ) as response,
        ):
            received = ReceiverResponse(response.status, _retry_after_s(response.headers))
            # The status decides. Errors while the body is read change nothing.
            with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(_BODY_TIMEOUT_S):
                    async for _ in response.aiter_stream():
                        continue
            return received


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a request goes.

    Attributes:
        url: for httpcore.
        host_field: the value of the header field Host.
        certificate_name: the name that the certificate must contain.
    """

    url: httpcore.URL
    host_field: str
    certificate_name: str

    @classmethod
    def parse(cls, url: str) -> Self:
        # The policy uses the same parser, so both see the same host and port.
        parsed = Url(url)
        scheme, host, port = parsed.scheme, parsed.host or "", parsed.port or 0
        plain_host = host.removeprefix("[").removesuffix("]")
        query = f"?{parsed.query}" if parsed.query is not None else ""
        path = f"{parsed.path or '/'}{query}".encode("ascii")
        is_default_port = port == {"http": 80, "https": 443}[scheme]
        return cls(
            httpcore.URL(scheme=scheme, host=plain_host, port=port, target=path),
            host_field=host if is_default_port else f"{host}:{port}",
            certificate_name=plain_host.rstrip("."),
        )


@contextlib.contextmanager
def _errors_translated() -> Iterator[None]:
    """Turn httpcore's errors into PostError."""
    try:
        yield
    except _HandshakeError as error:
        raise PostError(DeliveryError.TLS_ERROR) from error
    except httpcore.TimeoutException as error:
        raise PostError(DeliveryError.TIMEOUT) from error
    except (_ResponseTooLongError, httpcore.ProtocolError) as error:
        raise PostError(DeliveryError.ANSWER_INVALID) from error
    except httpcore.NetworkError as error:
        raise PostError(DeliveryError.CONNECTION_FAILED) from error


def _retry_after_s(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Retry-After as seconds or as a date (RFC 9110, section 10.2.3); None if it is missing or malformed."""
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


class _ResponseTooLongError(httpcore.ReadError):
    """The response is longer than allowed."""


class _HandshakeError(httpcore.ConnectError):
    """The connection was made, but the TLS handshake failed."""


class _Tunnels(httpcore.AsyncNetworkBackend):
    """Connects only through a port of the egress proxy."""

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
            # Receivers send nothing before our request, so all that arrives now is the proxy's own head.
            piece = await stream.read(_PIECE_BYTES)
            head += piece
            if not piece or not head.startswith(_ESTABLISHED[: len(head)]) or len(head) > _PIECE_BYTES:
                await stream.aclose()
                raise httpcore.ConnectError("the egress proxy made no connection")
        return _LimitedStream(stream)


class _LimitedStream(httpcore.AsyncNetworkStream):
    """A connection from which at most `MAX_RESPONSE_BYTES` can be read, the head of the response included."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MAX_RESPONSE_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        if self._left == 0:
            raise _ResponseTooLongError
        piece = await self._stream.read(min(max_bytes, _PIECE_BYTES, self._left), timeout)
        if not piece and self._left == MAX_RESPONSE_BYTES:
            raise httpcore.ReadError("the connection was closed before any response")
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
        return _LimitedStream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
