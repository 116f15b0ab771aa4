"""Pipes relay the bytes of a connection: one pipe for each direction, in callbacks of the event loop."""

import asyncio
from http import HTTPStatus
from typing import Final, Protocol

from worker.egress.inbound.body_watch import Bodies, BodyWatch
from worker.egress.inbound.request_head import Request
from worker.egress.inbound.response_head import (
    AnswerHeads,
    MalformedAnswerError,
)
from worker.egress.outbound.tenant_proxy import refused_status
from worker.egress.verdicts import ConnectionOutcome, Verdict

# The answer to HEAD has the head of a body that does not come.
_METHODS_WITH_BODY: Final = frozenset({b"GET", b"POST"})


class BothEnds(Protocol):
    """The connection that two pipes belong to.

    Attributes:
        moved: set by each pipe that passes bytes on.
    """

    moved: bool

    @property
    def bodies(self) -> Bodies:
        """The compressed bodies of the page."""

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """Count bytes. False: the cap is exceeded, and all connections are being cut."""

    def half_closed(self, pipe: "Pipe") -> None:
        """One side has ended its part, and sends no more."""

    def lost(self, transport: asyncio.Transport, exc: Exception | None) -> None:
        """One side is closed or lost."""

    def verdict_on_answer(self, request: Request, head: bytes) -> Verdict | None:
        """Why the answer with this head is refused; None: it is not."""

    def refuse(self, request: Request | None, verdict: Verdict) -> None:
        """Refuse the request, and close the connection."""

    def cut(self) -> None:
        """End the connection at once, with a reset, so that nobody takes what was sent for complete."""


class Pipe(asyncio.Protocol):
    """One direction: bytes from the source are written to the sink. If the sink is slow, the source waits."""

    __slots__ = ("_connection", "_is_down", "_sink", "_source")

    def __init__(
        self,
        connection: BothEnds,
        source: asyncio.Transport,
        sink: asyncio.Transport,
        *,
        is_down: bool = False,
    ) -> None:
        self._connection = connection
        self._source = source
        self._sink = sink
        self._is_down = is_down

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        connection = self._connection
        connection.moved = True
        size = len(data)
        if connection.spend(down=size) if self._is_down else connection.spend(up=size):
            self._sink.write(data)

    def pause_writing(self) -> None:
        """Too much waits to be written to the source (the other direction): stop reading from the sink."""
        self._sink.pause_reading()

    def resume_writing(self) -> None:
        """Enough was written to the source: read from the sink again."""
        self._sink.resume_reading()

    def eof_received(self) -> bool:
        """The source has ended its part."""
        self._connection.half_closed(self)
        return True

    def pass_end(self) -> None:
        """Tell the sink that no more comes."""
        if self._sink.can_write_eof():
            self._sink.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The source is closed or lost."""
        self._connection.lost(self._source, exc)


class BodyPipe(Pipe):
    """A plain HTTP request of known length. More bytes than that cut the connection."""

    __slots__ = ("_left",)

    def __init__(
        self, connection: BothEnds, source: asyncio.Transport, sink: asyncio.Transport, size_bytes: int
    ) -> None:
        super().__init__(connection, source, sink)
        self._left = size_bytes

    def data_received(self, data: bytes) -> None:
        """Pass it on as long as it belongs to the request."""
        self._left -= len(data)
        if self._left < 0:
            self._connection.cut()
        else:
            super().data_received(data)


class AnswerPipe(Pipe):
    """The answer to a plain request, its head rewritten; told when its compressed body ends too early."""

    __slots__ = ("_heads", "_is_proxy", "_request", "_watch")

    def __init__(
        self,
        connection: BothEnds,
        source: asyncio.Transport,
        sink: asyncio.Transport,
        request: Request,
        *,
        is_proxy: bool,
    ) -> None:
        super().__init__(connection, source, sink, is_down=True)
        self._request = request
        self._heads: AnswerHeads | None = AnswerHeads()
        self._is_proxy = is_proxy
        self._watch = BodyWatch(connection.bodies) if request.method in _METHODS_WITH_BODY else None

    def data_received(self, data: bytes) -> None:
        """Pass it on; the head only when it is complete."""
        if self._heads is None:
            self._pass(data)
            return
        try:
            passed = self._heads.feed(data)
        except MalformedAnswerError as error:
            is_of_proxy = self._is_proxy and error.status in {0, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
            verdict = refused_status(error.status) if is_of_proxy else Verdict(ConnectionOutcome.FAILED)
            self._connection.refuse(self._request, verdict)
            return
        if self._heads.is_complete:
            refused = self._connection.verdict_on_answer(self._request, self._heads.final)
            self._heads = None
            if refused is not None:
                self._connection.refuse(self._request, refused)
                return
        if passed:
            self._pass(passed)

    def eof_received(self) -> bool:
        """The target has ended its part: the end of the answer, or an error if the head is not complete."""
        if self._heads is not None:
            self._connection.refuse(self._request, Verdict(ConnectionOutcome.FAILED))
            return True
        if self._watch is not None and self._watch.ends():
            self._connection.bodies.note_cut(self._request)
        self._sink.close()
        self._source.close()
        return True

    def _pass(self, data: bytes) -> None:
        # First recorded, then passed on: when the browser has it, the render may ask already.
        if self._watch is not None and self._watch.feed(data):
            self._connection.bodies.note_cut(self._request)
        super().data_received(data)
