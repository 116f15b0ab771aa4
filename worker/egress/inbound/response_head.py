"""The head of a target's answer to a plain request: one answer a connection, and the client is told so.

Read as leniently as Chromium does, which reads it again: nothing is decided by it but the end of the
connection, and every connection carries one answer alone.
"""

import re
from http import HTTPStatus
from typing import Final

# Chromium's own limit (net/http/http_stream_parser.h).
MAX_HEAD_BYTES: Final = 256 * 1024
# Of one head, ten times what servers are known to send. As many as fit take 0.1 s of the event loop.
MAX_LINES: Final = 2_000
# Answers before the answer (1xx). Go's client takes 5; somebody who works for long may send more of them
# (102). A flood of the shortest, 15 bytes each, kept the event loop from all else for as long as it came.
MAX_INTERIM: Final = 100

_END: Final = re.compile(rb"\n\r?\n")
_LONGEST_END: Final = 3
_STATUS: Final = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?=[ \r\n])")
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"upgrade")
)
# What frames a message cannot be called off hop by hop.
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
_SWITCHING: Final = 101
_FINAL: Final = 200


class MalformedAnswerError(Exception):
    """This is no answer that can be passed on.

    Attributes:
        status: of a head that can be read, but not be passed on; otherwise 0.
    """

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


class AnswerHeads:
    """Takes an answer piece by piece, and rewrites its head.

    Attributes:
        is_complete: whether the head is through, so that the rest passes as it is.
    """

    __slots__ = ("_held", "_interim", "is_complete")

    def __init__(self) -> None:
        self._held = bytearray()
        self._interim = 0
        self.is_complete = False

    def feed(self, data: bytes) -> bytes:
        """Take a piece and return what goes on to the client; nothing as long as the head is not whole.

        Raises:
            MalformedAnswerError: no HTTP/1, too long, one of too many, or an answer that only a proxy of
                Chromium's may give (407), or to a question that was not asked (101).
        """
        held, passed = self._held, b""
        start = max(0, len(held) - _LONGEST_END)  # a target that sends single bytes is not searched anew
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
                return passed + _with_end(head) + bytes(held)
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise MalformedAnswerError
            passed += head  # 103 Early Hints, for one; the real answer follows
        if len(held) > MAX_HEAD_BYTES:
            raise MalformedAnswerError
        return passed


def _with_end(head: bytes) -> bytes:
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
    dropped -= _FRAMING
    kept = [line for name, line in named if name not in dropped]
    return b"\r\n".join((first, b"Connection: close", *kept, b"", b""))
