"""One connection of a caller: uvicorn's own protocol, with limits that it does not have.

uvicorn with httptools reads a request's head however long it is and however long it takes, and writes an
answer to a caller who never reads it: a few thousand sockets that say nothing hold a whole server (Slowloris,
https://en.wikipedia.org/wiki/Slowloris_(cyber_attack)). Here each of these waits ends, and what is ambiguous
about where a request ends is refused instead of guessed (request smuggling, RFC 9112, section 11.2); llhttp
below refuses the most of it already.
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

# Apache's LimitRequestFields. Each look for a header goes through all of them.
_MAX_FIELDS: Final = 100
# Requests sent before the answer to the first. Browsers gave that up; one buffer full of them took 40 MB.
_MAX_PIPELINED: Final = 16
# Framing of a chunked body may be so many times what it carries (one byte a chunk is 5), and beyond that as
# much as a head (Go's net/http had to learn it: CVE-2023-39326).
_FRAMING: Final = 8
# How long a refused caller may go on sending before the connection is cut; cutting at once would take the
# answer away that is on its way (RFC 9112, section 9.6).
_LINGER_S: Final = 2.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection may take.

    Attributes:
        connections: how many there may be at once.
        head_bytes: length of a request's first line and header fields together.
        head_timeout_s: seconds in which these have to arrive, from the connection's or their own begin on.
        send_timeout_s: seconds in which the caller has to take what fills its buffer.
    """

    connections: int
    head_bytes: int
    head_timeout_s: float
    send_timeout_s: float


class _HeadError(Exception):
    """Raised through the parser, which then takes nothing more."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that ends when its caller asks too much of it."""

    limits: ClassVar[ConnectionLimits]

    url = b""  # uvicorn's begins to be with the first request
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
        """Begin, or refuse it when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._is_refused = True
            self._answer(RefusedError(ErrorType.TOO_MANY_CONNECTIONS, "try again after `Retry-After`"))
            transport.close()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse it, unless the connection is only kept for the answer to arrive."""
        if self._is_refused:
            return
        self._overhead_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_refused:
            return
        if self._overhead_bytes > self.limits.head_bytes:
            self._refuse(self._too_large())
        elif self._head_timer is None and not self._unanswered:
            self._expect_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._fields = self._fields_bytes = 0
        self._is_in_head = self._is_in_message = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field, or a trailer's, which nobody here has a use for."""
        if not self._is_in_head:
            self._fail(ErrorType.MALFORMED_REQUEST, "trailers are not accepted")
        self._fields += 1
        self._fields_bytes += len(name) + len(value)
        if self._fields > _MAX_FIELDS:
            self._fail(ErrorType.HEAD_TOO_LARGE, f"a request may have {_MAX_FIELDS} header fields at most")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._is_in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.url) + self._fields_bytes > self.limits.head_bytes:
            self._refusal = self._too_large()
            raise _HeadError
        if self._unanswered > _MAX_PIPELINED:
            self._fail(ErrorType.MALFORMED_REQUEST, "too many requests before the first answer")
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._fail(ErrorType.MALFORMED_REQUEST, "this is an HTTP/1.1 server")
        self._check_target()
        asks_for_other_protocol = self.parser.should_upgrade()
        if asks_for_other_protocol and self._announces_body():
            # httptools skips the body of such a request, and would read it as the next request.
            self._fail(
                ErrorType.MALFORMED_REQUEST,
                "a request with a body may not ask for another protocol: send it without `Upgrade`",
            )
        super().on_headers_complete()
        self._unanswered += 1
        if asks_for_other_protocol:
            self.cycle.keep_alive = False  # uvicorn drops what came behind it

    def _announces_body(self) -> bool:
        lengths = {value for name, value in self.headers if name == b"content-length"}
        return bool(lengths - {b"0"}) or any(name == b"transfer-encoding" for name, _ in self.headers)

    def _check_target(self) -> None:
        # An absolute target goes before Host (RFC 9112, section 3.2.2), and a client sends both alike (3.2).
        scheme, separator, rest = self.url.partition(b"://")
        if self.url.startswith(b"/") or not separator:
            return
        authority = rest.partition(b"/")[0].partition(b"?")[0]
        hosts = [value for name, value in self.headers if name == b"host"]
        if scheme.lower() not in (b"http", b"https") or hosts != [authority]:
            self._fail(ErrorType.MALFORMED_REQUEST, "target and `Host` of the request name different hosts")

    def on_body(self, body: bytes) -> None:
        """Part of a body: it pays for its framing, and for that to come no more than a head's length."""
        self._overhead_bytes = max(self._overhead_bytes - len(body) * (1 + _FRAMING), -self.limits.head_bytes)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has ended."""
        self._overhead_bytes = 0
        self._is_in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has ended. What is left of its request's body has no time of its own."""
        super().on_response_complete()
        self._unanswered -= 1
        if self.transport.is_closing():
            self._cut_soon()
        elif self._is_in_message and not self._unanswered and self._head_timer is None:
            self._expect_head()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without a request."""
        super().timeout_keep_alive_handler()
        self._cut_soon()

    def pause_writing(self) -> None:
        """The caller takes less than there is to send."""
        super().pause_writing()
        self._cut_soon()

    def resume_writing(self) -> None:
        """The caller has taken most of it. uvicorn says so also when the connection is lost."""
        super().resume_writing()
        if self._send_timer is not None and not self.transport.is_closing():
            self._send_timer.cancel()
            self._send_timer = None

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_timeout_s, self.transport.abort)

    def _cut_soon(self) -> None:
        """Cut the connection unless it ends, or its caller takes what there is, in time."""
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self.limits.send_timeout_s, self.transport.abort)

    def _too_large(self) -> RefusedError:
        detail = f"a request may have {self.limits.head_bytes:,} bytes beside its body"
        return RefusedError(ErrorType.HEAD_TOO_LARGE, detail)

    def _fail(self, type_: ErrorType, detail: str) -> None:
        self._refusal = RefusedError(type_, detail)
        raise _HeadError

    def send_400_response(self, _message: str) -> None:
        """Refuse what the parser does not take."""
        self._refuse(
            self._refusal
            or RefusedError(ErrorType.MALFORMED_REQUEST, "the request cannot be read as HTTP/1.1 (RFC 9112)")
        )

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer and end the connection. Before or in another answer there is no place for this one."""
        self._is_refused = True
        if self._unanswered > 1 or (self._unanswered and self.cycle.response_started):
            self.transport.abort()
            return
        if self._unanswered:  # whoever makes the answer is told that nobody waits for it
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
