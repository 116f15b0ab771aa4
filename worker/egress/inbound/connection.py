"""One connection of the browser's to its proxy: a head is read, a target is opened, then bytes pass.

    ProxiedConnection reads the head  ->  InboundPort.open checks and connects  ->  two Pipes, one a direction

No task lives as long as a connection does: only opening one takes a task, relaying is callbacks.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final, Protocol, cast

from fleet.telemetry.logs import get_logger
from worker.egress.inbound.pipes import AnswerPipe, BodyPipe, Pipe
from worker.egress.inbound.request_head import (
    MAX_HEAD_BYTES,
    MalformedRequestError,
    Request,
    parse_head,
)
from worker.egress.outbound.stream import END_OF_HEAD, Stream
from worker.egress.refusal import NAME, RefusalError, tunnel_refusal
from worker.egress.verdicts import ConnectionOutcome, Verdict

# Chromium writes a head in one piece; the rest is for a machine that is busy.
HEAD_TIMEOUT_S: Final = 10.0
# After one side has said its last word, for the other one's.
LINGER_S: Final = 10.0
_CONNECT: Final = b"CONNECT "
# So many bytes at least have a request in a tunnel (HTTP/2 in TLS 1.3: 9 + 22 bytes of frames, and its head);
# less is what keeps the connection in order: acknowledgements, windows, pings (31 to 43 bytes).
_REQUEST_BYTES: Final = 64
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n"
# Close with a reset, so that what is cut off cannot be taken for what has ended (socket(7), SO_LINGER).
_RESET: Final = struct.pack("ii", 1, 0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TargetConnection:
    """A connection to a target.

    Attributes:
        stream: the connection.
        head: what a plain request begins with there.
        is_proxy: whether the answer's head comes from a tenant's proxy.
        next_hop: the address behind it, for an egress service to tell; otherwise empty.
    """

    stream: Stream
    head: bytes = b""
    is_proxy: bool = False
    next_hop: str = ""


class InboundPort(Protocol):
    """The port that a connection has come in at."""

    idle_timeout_s: float

    def began(self, connection: "ProxiedConnection") -> bool:
        """Count a new one; False: there are too many."""

    def ended(self, connection: "ProxiedConnection") -> None:
        """Nothing of it is left."""

    def own_answer(self, request: Request) -> bytes | None:
        """What the port itself answers to this request; None: a target is asked."""

    async def open(self, request: Request) -> TargetConnection:
        """Connect to what is asked for.

        Raises:
            RefusalError: it may not be reached, or cannot.
        """

    def note(self, request: Request | None, verdict: Verdict) -> None:
        """Remember what came of it."""

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """Count bytes; False: there were too many, and everything is being cut."""


class ProxiedConnection(asyncio.Protocol):
    """The browser's end until it is relayed, and the life of both ends.

    Attributes:
        owner: the port that it has come in at.
        moved: whether bytes have passed since it was looked at last.
        awaits_answer: of a tunnel: whether what looks like a request was the last that passed in it.
    """

    def __init__(self, owner: InboundPort) -> None:
        self.owner = owner
        self.moved = True
        self._request: Request | None = None
        self._held = bytearray()
        self._near: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._quiet_since = asyncio.get_running_loop().time()
        self._half_closed = False
        self._is_relayed = False
        self._wants_tunnel = False
        self.awaits_answer = False

    @property
    def url(self) -> str:
        """What the browser asks for in plain http; empty until it has, and in a tunnel."""
        return "" if self._request is None else self._request.url

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
        held = self._held
        start = max(0, len(held) - len(END_OF_HEAD) + 1)
        held += data
        self._wants_tunnel = held.startswith(_CONNECT)
        end = held.find(END_OF_HEAD, start, MAX_HEAD_BYTES)
        if end < 0:
            if len(held) > MAX_HEAD_BYTES:
                self.refuse(None, Verdict(ConnectionOutcome.MALFORMED))
            return
        assert self._near is not None, "data comes from somewhere"  # noqa: S101
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
        self._task = asyncio.get_running_loop().create_task(self._serve(request, rest))
        self._task.add_done_callback(self._served)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever the reason
        """The browser has gone before anything was relayed."""
        self._near = None
        self._settle()

    def look(self, now: float) -> None:
        """Cut it when it has been silent for too long; called twice a second."""
        if self.moved:
            self.moved = False
            self._quiet_since = now
        elif self._task is None and now - self._quiet_since > self._patience_s():
            self.cut()

    def _patience_s(self) -> float:
        if not self._is_relayed:
            return HEAD_TIMEOUT_S
        return min(LINGER_S, self.owner.idle_timeout_s) if self._half_closed else self.owner.idle_timeout_s

    async def _serve(self, request: Request, rest: bytes) -> None:
        own_answer = self.owner.own_answer(request)
        if own_answer is not None:
            self.owner.note(request, Verdict(ConnectionOutcome.CONNECTED))
            if self._near is not None:
                self._near.write(own_answer)
                self._near.close()
            return
        try:
            opened = await self.owner.open(request)
        except RefusalError as refusal:
            self.refuse(request, refusal.verdict)
        except Exception:  # a fault of ours must not leave the page waiting
            log.exception("the egress proxy has a fault")
            self.refuse(request, Verdict(ConnectionOutcome.UNAVAILABLE))
        else:
            self._relay(request, opened, rest)

    def _served(self, _task: asyncio.Task[None]) -> None:
        self._task = None
        self.moved = True
        self._settle()

    def _relay(self, request: Request, opened: TargetConnection, rest: bytes) -> None:
        near, stream = self._near, opened.stream
        if near is None or near.is_closing():
            stream.transport.abort()
            return
        self.owner.note(request, Verdict(ConnectionOutcome.CONNECTED))
        self._is_relayed = True
        self._far = far = stream.transport
        if request.is_tunnel:
            hop = b"Proxy-Status: " + NAME + b'; next-hop="' + opened.next_hop.encode() + b'"\r\n'
            near.write(_ESTABLISHED + (hop if opened.next_hop else b"") + b"\r\n")
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
        """Count bytes; False: there were too many, and everything is being cut."""
        if down:
            self.awaits_answer = False
        elif up >= _REQUEST_BYTES:
            self.awaits_answer = True
        return self.owner.spend(up=up, down=down)

    def refuse(self, request: Request | None, verdict: Verdict) -> None:
        """Say no, and end.

        Only a request for a tunnel is answered: Chromium shows no page what a proxy says to CONNECT. A plain
        request is closed without a word, because Chromium would take any answer for the target's own, and a
        render would show it.
        """
        self.owner.note(request, verdict)
        if self._near is not None:
            if self._wants_tunnel:
                self._near.write(tunnel_refusal(verdict))
            self._near.close()
        if self._far is not None:
            self._far.abort()

    def cut(self) -> None:
        """End it at once, in a way that nobody takes for an end of what was sent."""
        if self._task is not None:
            self._task.cancel()
        for transport in (self._near, self._far):
            if transport is not None:
                _reset(transport)

    def half_closed(self, pipe: Pipe) -> None:
        """One side says no more."""
        if self._half_closed:  # the other one did before: all is said
            for transport in (self._near, self._far):
                if transport is not None:
                    transport.close()
            return
        self._half_closed = True
        self._quiet_since = asyncio.get_running_loop().time()
        pipe.pass_end()

    def lost(self, transport: asyncio.Transport, exc: Exception | None) -> None:
        """One side has gone; the other one has to go the same way."""
        if transport is self._near:
            self._near, other = None, self._far
        else:
            self._far, other = None, self._near
        if other is not None:
            if exc is None:
                other.close()
            else:
                _reset(other)
        self._settle()

    def _settle(self) -> None:
        if self._near is None and self._far is None and self._task is None:
            self.owner.ended(self)


def _reset(transport: asyncio.Transport) -> None:
    end: socket.socket | None = transport.get_extra_info("socket")
    if end is not None and not transport.is_closing():
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
