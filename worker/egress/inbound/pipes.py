"""What passes bytes between the two ends of a connection: one pipe a direction, all of it in callbacks."""

import asyncio
from http import HTTPStatus
from typing import Protocol

from worker.egress.inbound.request_head import Request
from worker.egress.inbound.response_head import (
    AnswerHeads,
    MalformedAnswerError,
)
from worker.egress.outbound.tenant_proxy import refused_status
from worker.egress.verdicts import ConnectionOutcome, Verdict


class BothEnds(Protocol):
    """The connection that two pipes belong to.

    Attributes:
        moved: set by each pipe that passes bytes on.
    """

    moved: bool

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """Count bytes; False: there were too many, and everything is being cut."""

    def half_closed(self, pipe: "Pipe") -> None:
        """One side says no more."""

    def lost(self, transport: asyncio.Transport, exc: Exception | None) -> None:
        """One side has gone."""

    def refuse(self, request: Request | None, verdict: Verdict) -> None:
        """Say no, and end."""

    def cut(self) -> None:
        """End it at once, in a way that nobody takes for an end of what was sent."""


class Pipe(asyncio.Protocol):
    """One direction: what is read at one transport is written to the other, no faster than that takes it."""

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
        """The source of this direction cannot take what comes from the other one: read that no further."""
        self._sink.pause_reading()

    def resume_writing(self) -> None:
        """It can again."""
        self._sink.resume_reading()

    def eof_received(self) -> bool:
        """The source says no more."""
        self._connection.half_closed(self)
        return True

    def pass_end(self) -> None:
        """Tell the sink that no more comes."""
        if self._sink.can_write_eof():
            self._sink.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The source has gone."""
        self._connection.lost(self._source, exc)


class BodyPipe(Pipe):
    """A plain request of so many bytes, and nothing behind it."""

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
    """The answer to a plain request, its head rewritten."""

    __slots__ = ("_heads", "_is_proxy", "_request")

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

    def data_received(self, data: bytes) -> None:
        """Pass it on, the head when it is whole."""
        if self._heads is None:
            super().data_received(data)
            return
        try:
            passed = self._heads.feed(data)
        except MalformedAnswerError as error:
            asks_for_credentials = self._is_proxy and error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
            verdict = (
                refused_status(error.status) if asks_for_credentials else Verdict(ConnectionOutcome.FAILED)
            )
            self._connection.refuse(self._request, verdict)
            return
        if self._heads.is_complete:
            self._heads = None
        if passed:
            super().data_received(passed)

    def eof_received(self) -> bool:
        """The target says no more: after an answer that is its end, without one it is none."""
        if self._heads is not None:
            self._connection.refuse(self._request, Verdict(ConnectionOutcome.FAILED))
            return True
        self._sink.close()
        self._source.close()
        return True
