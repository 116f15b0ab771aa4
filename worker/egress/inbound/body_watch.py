"""Notices a plain HTTP answer that is complete for HTTP, but whose compressed body breaks off.

If the answer itself breaks off, Chromium notices that without us.
"""

from http import HTTPStatus
from typing import Final

import httptools

from worker.egress.inbound.coded_body import (
    CODINGS,
    MAX_INFLATED_BYTES,
    CodedBody,
    UnreadableBodyError,
)
from worker.egress.inbound.request_head import Request

# What the bodies of one page may come to in all: a quarter of a second of CPU. Later ones are not followed.
_MAX_TOTAL_BYTES: Final = 4 * MAX_INFLATED_BYTES
_MAX_REMEMBERED: Final = 200
_DOCUMENT_FIELD: Final = b"upgrade-insecure-requests:"


class Bodies:
    """The compressed bodies of one page.

    Attributes:
        cut: the addresses of those that have ended too early; whether each was asked for as a document.
    """

    def __init__(self) -> None:
        self.cut: dict[str, bool] = {}
        self._inflated_bytes = 0

    def may_follow(self, size_bytes: int) -> bool:
        """Count what came out of a body. False: it is to be followed no further."""
        self._inflated_bytes += size_bytes
        return self._inflated_bytes <= _MAX_TOTAL_BYTES

    def note_cut(self, request: Request) -> None:
        """Record that the body of an answer has ended too early."""
        if len(self.cut) < _MAX_REMEMBERED:
            # The browser sends this field where it wants to show the answer in a frame, and only there.
            is_document = any(field.lower().startswith(_DOCUMENT_FIELD) for field in request.fields)
            self.cut[request.url] = self.cut.get(request.url, False) or is_document


class BodyWatch:
    """One answer. When it is in doubt (it cannot be read, it is too large), its body is taken for whole.

    Attributes:
        is_over: whether nothing more can be learned of it.
    """

    __slots__ = ("_bodies", "_body", "_fields", "_has_bytes", "_is_message_over", "_parser", "is_over")

    def __init__(self, bodies: Bodies) -> None:
        self.is_over = False
        self._bodies = bodies
        self._fields: list[bytes] = []
        self._body: CodedBody | None = None
        self._has_bytes = self._is_message_over = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> bool:
        """Take a piece of the answer, from its head on. Returns whether its body has ended too early."""
        if self.is_over:
            return False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, UnreadableBodyError):
            self.is_over = True
            return False
        return self._is_message_over and self.ends()

    def ends(self) -> bool:
        """The target has closed the connection. Returns whether the body has ended too early by that."""
        is_cut = not self.is_over and self._has_bytes and self._body is not None and not self._body.has_ended
        self.is_over = True
        return is_cut

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins, or an interim one."""
        self._fields.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of its head."""
        if name.lower() == b"content-encoding":
            self._fields.append(value.strip().lower())

    def on_headers_complete(self) -> None:
        """The end of a head."""
        status, codings = self._parser.get_status_code(), self._fields
        if status < HTTPStatus.OK:
            return
        is_whole = (
            status != HTTPStatus.PARTIAL_CONTENT
        )  # a part of a compressed body begins and ends anywhere
        if is_whole and len(codings) == 1 and codings[0] in CODINGS:
            self._body = CODINGS[codings[0]]()
        else:
            self.is_over = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body, without the frames of chunks."""
        if self._body is not None:
            self._has_bytes = True
            if not self._bodies.may_follow(self._body.feed(data)):
                raise UnreadableBodyError

    def on_message_complete(self) -> None:
        """The end of an answer as HTTP says."""
        self._is_message_over = self._body is not None
