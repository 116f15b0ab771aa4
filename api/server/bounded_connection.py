"""One connection of a caller: uvicorn's own protocol, with additional limits.

uvicorn with httptools has no limit on the size of a request's head, on the time that it takes to arrive, or
on the time that a caller takes to read an answer. So a few thousand silent connections can block a server
(Slowloris, https://en.wikipedia.org/wiki/Slowloris_(cyber_attack)). Here each of these waits has a limit.
And if it is not clear where a request ends, the request is refused (request smuggling, RFC 9112, section
11.2). The parser, llhttp, refuses most of these requests by itself.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.default_headers import with_defaults
from api.http.problems import REQUEST_ID, RefusedError, problem_response
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger

# The same as Apache's LimitRequestFields. To find a header, all fields have to be searched.
_MAX_FIELDS: Final = 100
# Requests that are sent before the first one is answered (pipelining). Browsers do not do this. Without a
# limit, the requests in one read buffer took 40 MB.
_MAX_PIPELINED: Final = 16
# How many bytes of chunk framing are accepted for each byte of a body: chunks of one byte need 5. In
# addition, as many bytes as a head may have are accepted. (Go's net/http had no such limit: CVE-2023-39326.)
_FRAMING_BYTES_PER_BYTE: Final = 8
# How long a refused caller may go on sending before the connection is cut. If it were cut at once, the answer
# could get lost (RFC 9112, section 9.6).
_LINGER_S: Final = 2.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of connections.

    Attributes:
        connections: how many connections there may be at once.
        head_bytes: how long the first line and the header fields of a request may be together.
        head_timeout_s: seconds that a head may take to arrive, from the start of the connection or of the
            head.
        send_timeout_s: seconds that a caller may take to read enough of an answer that fills its buffer.
    """

    connections: int
    head_bytes: int
    head_timeout_s: float
    send_timeout_s: float


class _StopParsingError(Exception):
    """Raised in a callback of the parser, to stop it."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that is refused or cut when it exceeds a limit."""

    limits: ClassVar[ConnectionLimits]

    url = b""  # uvicorn sets it only with the first request
    _fields = 0
    _fields_bytes = 0
    _overhead_bytes = 0
    _unanswered = 0
    _is_in_head = True
    _is_in_message = False
    _is_refused = False
    _refusal: RefusedError | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Accept the connection, or refuse it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._is_refused = True
            self._answer(RefusedError(ErrorType.TOO_MANY_CONNECTIONS, "try again after `Retry-After`"))
            transport.close()
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers of a connection that has ended."""
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data. After a refusal, data is ignored until the connection is cut."""
        if self._is_refused:
            return
        self._overhead_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_refused:
            return
        if self._overhead_bytes > self.limits.head_bytes:
            self._refuse(self._head_too_large())
        elif self._head_timer is None and not self._unanswered:
            self._start_head_timer()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._fields = self._fields_bytes = 0
        self._is_in_head = self._is_in_message = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field. Fields after the body (trailers) are refused."""
        if not self._is_in_head:
            self._stop_parsing(ErrorType.MALFORMED_REQUEST, "trailers are not accepted")
        self._fields += 1
        self._fields_bytes += len(name) + len(value)
        if self._fields > _MAX_FIELDS:
            self._stop_parsing(
                ErrorType.HEAD_TOO_LARGE, f"a request may have {_MAX_FIELDS} header fields at most"
            )
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head of a request, which is complete now."""
        self._is_in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.url) + self._fields_bytes > self.limits.head_bytes:
            self._refusal = self._head_too_large()
            raise _StopParsingError
        if self._unanswered > _MAX_PIPELINED:
            self._stop_parsing(ErrorType.MALFORMED_REQUEST, "too many requests before the first answer")
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._stop_parsing(ErrorType.MALFORMED_REQUEST, "this is an HTTP/1.1 server")
        self._check_target()
        asks_for_upgrade = self.parser.should_upgrade()
        if asks_for_upgrade and self._announces_body():
            # httptools skips the body of such a request, and would read it as the next request.
            self._stop_parsing(
                ErrorType.MALFORMED_REQUEST,
                "a request with a body may not ask for another protocol: send it without `Upgrade`",
            )
        super().on_headers_complete()
        self._unanswered += 1
        if asks_for_upgrade:
            self.cycle.keep_alive = False  # uvicorn does not read further requests of such a connection

    def _announces_body(self) -> bool:
        lengths = {value for name, value in self.headers if name == b"content-length"}
        return bool(lengths - {b"0"}) or any(name == b"transfer-encoding" for name, _ in self.headers)

    def _check_target(self) -> None:
        # If the target is a whole URL, its host counts and not Host (RFC 9112, section 3.2.2). A correct
        # client sends the same host in both (section 3.2).
        scheme, separator, rest = self.url.partition(b"://")
        if self.url.startswith(b"/") or not separator:
            return
        authority = rest.partition(b"/")[0].partition(b"?")[0]
        hosts = [value for name, value in self.headers if name == b"host"]
        if scheme.lower() not in (b"http", b"https") or hosts != [authority]:
            self._stop_parsing(
                ErrorType.MALFORMED_REQUEST, "target and `Host` of the request name different hosts"
            )

    def on_body(self, body: bytes) -> None:
        """Part of a body. It allows more framing, but never more in advance than the length of a head."""
        self._overhead_bytes = max(
            self._overhead_bytes - len(body) * (1 + _FRAMING_BYTES_PER_BYTE), -self.limits.head_bytes
        )
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has ended."""
        self._overhead_bytes = 0
        self._is_in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has ended. If its request has not, the rest of the body gets the time of a head."""
        super().on_response_complete()
        self._unanswered -= 1
        if self.transport.is_closing():
            self._start_send_timer()
        elif self._is_in_message and not self._unanswered and self._head_timer is None:
            self._start_head_timer()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without a request."""
        super().timeout_keep_alive_handler()
        self._start_send_timer()

    def pause_writing(self) -> None:
        """The write buffer is full: the caller has to read, or it is cut off."""
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        """The write buffer has room again. uvicorn also calls this when the connection is lost."""
        super().resume_writing()
        if self._send_timer is not None and not self.transport.is_closing():
            self._send_timer.cancel()
            self._send_timer = None

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_timeout_s, self.transport.abort)

    def _start_send_timer(self) -> None:
        """Cut the connection after `send_timeout_s`, unless it ends or the caller reads enough before."""
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self.limits.send_timeout_s, self.transport.abort)

    def _head_too_large(self) -> RefusedError:
        detail = f"a request may have {self.limits.head_bytes:,} bytes beside its body"
        return RefusedError(ErrorType.HEAD_TOO_LARGE, detail)

    def _stop_parsing(self, type_: ErrorType, detail: str) -> None:
        self._refusal = RefusedError(type_, detail)
        raise _StopParsingError

    def send_400_response(self, _message: str) -> None:
        """Refuse a request that the parser, or one of the callbacks above, does not accept."""
        self._refuse(
            self._refusal
            or RefusedError(ErrorType.MALFORMED_REQUEST, "the request cannot be read as HTTP/1.1 (RFC 9112)")
        )

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer and end the connection. If an earlier answer is not complete, only end the connection."""
        self._is_refused = True
        if self._unanswered > 1 or (self._unanswered and self.cycle.response_started):
            self.transport.abort()
            return
        if self._unanswered:  # the application gets a disconnect, because its answer will not be sent
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._answer(refusal)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.abort)

    def _answer(self, refusal: RefusedError) -> None:
        request_id = uuid4().hex
        log.info("refused", error_type=refusal.type, detail=refusal.detail, request_id=request_id)
        path = self.url.partition(b"?")[0].decode("latin-1")
        call = {"path": path, "headers": self.headers or [], REQUEST_ID: request_id}
        answer = problem_response(refusal, call)
        status = HTTPStatus(answer.status_code)
        headers = [
            *with_defaults(answer.raw_headers, path=path),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))


def connection_within(limits: ConnectionLimits) -> type[BoundedConnection]:
    """The protocol with these limits, as uvicorn wants it: a class."""
    members: dict[str, Any] = {"limits": limits}
    return type("BoundedConnection", (BoundedConnection,), members)
