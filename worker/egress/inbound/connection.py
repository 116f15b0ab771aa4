"""One connection of the browser to the proxy: read the request's head, connect to the target, relay bytes.

    ProxiedConnection reads the head  ->  InboundPort.open checks and connects  ->  two Pipes relay bytes

There is a task only while the target is being connected. All else is done in callbacks of the event loop.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final, Protocol, cast

from fleet.telemetry.logs import get_logger
from worker.egress.inbound.body_watch import Bodies
from worker.egress.inbound.file_sender import FileSender
from worker.egress.inbound.pipes import AnswerPipe, BodyPipe, Pipe
from worker.egress.inbound.request_head import (
    MAX_HEAD_BYTES,
    MalformedRequestError,
    Request,
    parse_head,
)
from worker.egress.outbound.stream import END_OF_HEAD, Stream
from worker.egress.own_site.site import OwnAnswer
from worker.egress.refusal import PROXY_NAME, RefusalError, tunnel_refusal
from worker.egress.verdicts import ConnectionOutcome, Verdict

# Chromium sends a head in one piece, so only a very busy machine comes near this.
HEAD_TIMEOUT_S: Final = 10.0
# How long one side may be silent after the other one has ended its part of the connection.
LINGER_S: Final = 10.0
_CONNECT: Final = b"CONNECT "
# A request in a tunnel has at least so many bytes (HTTP/2 in TLS 1.3: 9 + 22 bytes of frames, and its head).
# Smaller messages are control frames: acknowledgements, window updates, pings (31 to 43 bytes).
_REQUEST_BYTES: Final = 64
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n"
# Close with a reset, so that nobody takes what was cut off for complete (socket(7), SO_LINGER).
_RESET: Final = struct.pack("ii", 1, 0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TargetConnection:
    """A connection to a target.

    Attributes:
        stream: the connection.
        head: the head to send to the target for a plain HTTP request.
        is_proxy: whether the answer's head comes from a tenant's proxy.
        next_hop: the connected address, which the egress service reports; empty in a worker.
    """

    stream: Stream
    head: bytes = b""
    is_proxy: bool = False
    next_hop: str = ""


class InboundPort(Protocol):
    """The port that a connection has come in at."""

    idle_timeout_s: float
    bodies: Bodies

    def began(self, connection: "ProxiedConnection") -> bool:
        """Count a new connection. False: there are too many."""

    def ended(self, connection: "ProxiedConnection") -> None:
        """Forget a connection whose both sides are closed."""

    def own_answer(self, request: Request) -> OwnAnswer | None:
        """The port's own answer to this request; None: the request goes to a target."""

    async def open(self, request: Request) -> TargetConnection:
        """Connect to the target of a request.

        Raises:
            RefusalError: the target may not be reached, or cannot be reached.
        """

    def verdict_on_answer(self, request: Request, head: bytes) -> Verdict | None:
        """Why the answer with this head, to a plain request, is refused; None: it is not."""

    def note(self, request: Request | None, verdict: Verdict) -> None:
        """Record the verdict of a request; None: it could not be read."""

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """Count bytes. False: the cap is exceeded, and all connections are being cut."""


class ProxiedConnection(asyncio.Protocol):
    """One connection with both of its sides: near is the browser, far is the target.

    It is asyncio's protocol of the near side until the target is connected; then two pipes take over.

    Attributes:
        owner: the port that the browser has connected to.
        moved: whether bytes have moved since the last `check_silence`.
        awaits_answer: for a tunnel: whether the last bytes in it look like a request.
    """

    def __init__(self, owner: InboundPort) -> None:
        self.owner = owner
        self.moved = True
        self._request: Request | None = None
        self._head = bytearray()
        self._near: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._silent_since = asyncio.get_running_loop().time()
        self._half_closed = False
        self._is_relayed = False
        self._wants_tunnel = False
        self.awaits_answer = False

    @property
    def url(self) -> str:
        """The URL of a plain HTTP request; empty before its head has arrived, and for a tunnel."""
        return "" if self._request is None else self._request.url

    @property
    def bodies(self) -> Bodies:
        """The compressed bodies of the page."""
        return self.owner.bodies

    @property
    def is_tunnel(self) -> bool:
        """Whether the browser has asked for a tunnel."""
        return self._request is not None and self._request.is_tunnel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The browser has connected."""
        self._near = cast("asyncio.Transport", transport)
        if not self.owner.began(self):
            self._near.abort()

    def data_received(self, data: bytes) -> None:
        """A piece of the head."""
        held = self._head
        start = max(0, len(held) - len(END_OF_HEAD) + 1)
        held += data
        self._wants_tunnel = held.startswith(_CONNECT)
        end = held.find(END_OF_HEAD, start, MAX_HEAD_BYTES)
        if end < 0:
            if len(held) > MAX_HEAD_BYTES:
                self.refuse(None, Verdict(ConnectionOutcome.MALFORMED))
            return
        assert self._near is not None, "asyncio calls connection_made first"  # noqa: S101
        self._near.pause_reading()
        end += len(END_OF_HEAD)
        head, rest = bytes(held[:end]), bytes(held[end:])
        held.clear()
        try:
            request = parse_head(head)
            if not request.is_tunnel and len(rest) > request.body_bytes:
                raise MalformedRequestError("something follows the request")
        except MalformedRequestError as error:
            log.debug("a request to the proxy was malformed", reason=str(error))
            self.refuse(None, Verdict(ConnectionOutcome.MALFORMED))
            return
        self._request = request
        self._opening = asyncio.get_running_loop().create_task(self._open_target(request, rest))
        self._opening.add_done_callback(self._opening_ended)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever the reason
        """The browser has closed the connection before the target was connected."""
        self._near = None
        self._report_end()

    def check_silence(self, now: float) -> None:
        """Cut the connection if it has been silent for too long. Called twice a second."""
        if self.moved:
            self.moved = False
            self._silent_since = now
        elif self._opening is None and now - self._silent_since > self._allowed_silence_s():
            self.cut()

    def _allowed_silence_s(self) -> float:
        if not self._is_relayed:
            return HEAD_TIMEOUT_S
        return min(LINGER_S, self.owner.idle_timeout_s) if self._half_closed else self.owner.idle_timeout_s

    async def _open_target(self, request: Request, rest: bytes) -> None:
        own_answer = self.owner.own_answer(request)
        if own_answer is not None:
            self._give(request, own_answer)
            return
        try:
            opened = await self.owner.open(request)
        except RefusalError as refusal:
            self.refuse(request, refusal.verdict)
        except Exception:  # whatever the error is, the page must not wait for ever
            log.exception("unknown error in the egress proxy")
            self.refuse(request, Verdict(ConnectionOutcome.UNAVAILABLE))
        else:
            self._relay(request, opened, rest)

    def _give(self, request: Request, answer: OwnAnswer) -> None:
        """Answer a request to the port's own site."""
        self.owner.note(request, Verdict(ConnectionOutcome.CONNECTED))
        near = self._near
        if near is None or near.is_closing():
            return
        if answer.file is None:
            near.write(answer.head + answer.body)
            near.close()
            return
        try:
            sender = FileSender(self, near, answer.file)
        except OSError as error:
            log.warning("a file of a job cannot be read", error=repr(error))
            self.refuse(request, Verdict(ConnectionOutcome.FAILED))
            return
        self._is_relayed = True
        near.set_protocol(sender)
        near.write(answer.head)
        sender.send()

    def _opening_ended(self, _opening: asyncio.Task[None]) -> None:
        self._opening = None
        self.moved = True
        self._report_end()

    def _relay(self, request: Request, opened: TargetConnection, rest: bytes) -> None:
        near, stream = self._near, opened.stream
        if near is None or near.is_closing():
            stream.transport.abort()
            return
        self.owner.note(request, Verdict(ConnectionOutcome.CONNECTED))
        self._is_relayed = True
        self._far = far = stream.transport
        if request.is_tunnel:
            reported = b"Proxy-Status: " + PROXY_NAME + b'; next-hop="' + opened.next_hop.encode() + b'"\r\n'
            near.write(_ESTABLISHED + (reported if opened.next_hop else b"") + b"\r\n")
            up, down = Pipe(self, near, far), Pipe(self, far, near, is_down=True)
        else:
            up = BodyPipe(self, near, far, len(opened.head) + request.body_bytes)
            down = AnswerPipe(self, far, near, request, is_proxy=opened.is_proxy)
        near.set_protocol(up)
        stream.hand_over(down)
        first = opened.head + rest
        if first and not far.is_closing():
            up.data_received(first)
        if not near.is_closing():
            near.resume_reading()

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """See `InboundPort.spend`."""
        if down:
            self.awaits_answer = False
        elif up >= _REQUEST_BYTES:
            self.awaits_answer = True
        return self.owner.spend(up=up, down=down)

    def verdict_on_answer(self, request: Request, head: bytes) -> Verdict | None:
        """See `InboundPort.verdict_on_answer`."""
        return self.owner.verdict_on_answer(request, head)

    def refuse(self, request: Request | None, verdict: Verdict) -> None:
        """Refuse the request, and close the connection.

        A request for a tunnel gets an answer; Chromium does not show this answer to the page. A plain HTTP
        request gets none: Chromium would take it for the answer of the target, and a render would show it.
        """
        self.owner.note(request, verdict)
        if self._near is not None:
            if self._wants_tunnel:
                self._near.write(tunnel_refusal(verdict))
            self._near.close()
        if self._far is not None:
            self._far.abort()

    def cut(self) -> None:
        """End the connection at once, with a reset, so that nobody takes what was sent for complete."""
        if self._opening is not None:
            self._opening.cancel()
        for transport in (self._near, self._far):
            if transport is not None:
                _reset(transport)

    def half_closed(self, pipe: Pipe) -> None:
        """One side has ended its part, and sends no more."""
        if self._half_closed:  # the other side had done so before
            for transport in (self._near, self._far):
                if transport is not None:
                    transport.close()
            return
        self._half_closed = True
        self._silent_since = asyncio.get_running_loop().time()
        pipe.pass_end()

    def lost(self, transport: asyncio.Transport, exc: Exception | None) -> None:
        """One side is closed or lost: close the other one, with a reset if there was an error."""
        if transport is self._near:
            self._near, other = None, self._far
        else:
            self._far, other = None, self._near
        if other is not None:
            if exc is None:
                other.close()
            else:
                _reset(other)
        self._report_end()

    def _report_end(self) -> None:
        if self._near is None and self._far is None and self._opening is None:
            self.owner.ended(self)


def _reset(transport: asyncio.Transport) -> None:
    end: socket.socket | None = transport.get_extra_info("socket")
    if end is not None and not transport.is_closing():
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
