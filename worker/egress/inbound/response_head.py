"""The head of a target's answer to a plain HTTP request. `Connection: close` is added: one answer each.

It is parsed as leniently as Chromium parses it afterwards. That is safe: the proxy only uses it to rewrite
the head, and a connection carries only one answer.
"""

import re
from http import HTTPStatus
from typing import Final

from worker.egress.outbound.stream import begins_answer

# Chromium's own limit (net/http/http_stream_parser.h).
MAX_HEAD_BYTES: Final = 256 * 1024
# Lines of one head: ten times as many as servers are known to send. All lines that fit into MAX_HEAD_BYTES
# would block the event loop for 0.1 s.
MAX_LINES: Final = 2_000
# Interim answers (1xx) before the final one. Go's client accepts 5; a server that needs long may send more of
# them (102). Without a limit, a flood of the shortest ones, 15 bytes each, blocked the event loop.
MAX_INTERIM: Final = 100

_END: Final = re.compile(rb"\n\r?\n")
_LONGEST_END: Final = 3
_STATUS: Final = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?=[ \r\n])")
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"upgrade")
)
_CONTENT: Final = re.compile(rb"\ncontent-(type|length):[ \t]*([^\r\n;]*)", re.IGNORECASE)
# `Connection` may not remove fields that say where a message ends.
_FRAMING_FIELDS: Final = frozenset((b"content-length", b"transfer-encoding"))
_MOST_DIGITS: Final = 15
_SWITCHING: Final = 101
_FINAL: Final = 200


class MalformedAnswerError(Exception):
    """The answer cannot be passed on to the client.

    Attributes:
        status: the status of the answer, if its head could be parsed; otherwise 0.
    """

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


class AnswerHeads:
    """Takes an answer piece by piece, and rewrites its head.

    Attributes:
        is_complete: whether the final head is complete. All that follows is passed on unchanged.
        final: the final head, rewritten; empty before it is complete.
    """

    __slots__ = ("_held", "_interim", "final", "is_complete")

    def __init__(self) -> None:
        self._held = bytearray()
        self._interim = 0
        self.is_complete = False
        self.final = b""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the answer. Returns what to send to the client: nothing before a head is complete.

        Raises:
            MalformedAnswerError: it is not HTTP/1, the head is too long, there are too many interim answers,
                or the status is one that a target must not send (407, 101).
        """
        held, passed = self._held, b""
        start = max(0, len(held) - _LONGEST_END)  # do not search again what was searched before
        held += data
        while (end := _END.search(held, start)) is not None:
            head, start = bytes(held[: end.end()]), 0
            del held[: end.end()]
            found = _STATUS.match(head)
            status = int(found[1]) if found is not None else 0
            if (
                status in {0, _SWITCHING, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
                or head.count(b"\n") > MAX_LINES
            ):
                raise MalformedAnswerError(status)
            if status >= _FINAL:
                self.is_complete = True
                self.final = _rewritten(head)
                return passed + self.final + bytes(held)
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise MalformedAnswerError
            passed += head  # 103 Early Hints, for one; the real answer follows
        if len(held) > MAX_HEAD_BYTES or not begins_answer(held):
            raise MalformedAnswerError
        return passed


def content_of(head: bytes) -> tuple[str, int]:
    """The type of an answer's body, in lower case and without parameters, and its length; 0: not known."""
    fields = {name.lower(): value.strip() for name, value in _CONTENT.findall(head)}
    length = fields.get(b"length", b"")
    kind = fields.get(b"type", b"").decode("latin-1").lower()
    return kind, int(length) if length.isdigit() and len(length) <= _MOST_DIGITS else 0


def _rewritten(head: bytes) -> bytes:
    # A bare CR becomes a space (RFC 9112, section 2.2): Chromium takes it for the end of a line.
    first, *lines = head.replace(b"\r\n", b"\n").replace(b"\r", b" ").split(b"\n")
    dropped = set(_HOP_BY_HOP)
    named: list[tuple[bytes, bytes]] = []
    name = b""
    for line in lines:
        if line[:1] not in {b" ", b"\t"}:  # otherwise it goes on with the line before
            before, _, value = line.partition(b":")
            name = before.strip(b" \t").lower()
            if name == b"connection":
                dropped.update(word.strip().lower() for word in value.split(b","))
        if line.strip():
            named.append((name, line))
    dropped -= _FRAMING_FIELDS
    kept = [line for name, line in named if name not in dropped]
    return b"\r\n".join((first, b"Connection: close", *kept, b"", b""))
