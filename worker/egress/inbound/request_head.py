"""The head of a client's request to the proxy, read strictly (RFC 9112); what is not plain is refused.

The one client is Chromium, which writes requests in one way only. So there is nothing to be lenient about:
whatever two parsers could read differently is an error here, and the head that the target gets is written
anew from what was understood.
"""

import re
from dataclasses import dataclass
from typing import Final

from worker.egress.outbound.stream import END_OF_HEAD

# As much as Chromium takes of an answer's head. It would send addresses of 2 MB and cookies of
# 700 KB; most servers take 8 to 64 KiB and say themselves what is too much.
MAX_HEAD_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 100

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Of a host: what a name may hold as far as fleet/egress/policy.py and Chromium agree, or an IPv6 address
# without a zone. An underscore is no part of RFC 3986's idea of DNS, but of names in use.
_HOST: Final = rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,255})"
_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
_AUTHORITY_FORM: Final = re.compile(_HOST + rb":([0-9]{1,5})")
_ABSOLUTE_FORM: Final = re.compile(rb"http://" + _HOST + rb"(?::([0-9]{1,5}))?(/[!-\"$-~]*)?")
# obs-text (0x80 up) stays: cookies hold UTF-8, which Chromium sends as it is.
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")

# RFC 9110, section 7.6.1, and what older ones have named. Via is not added: some servers send
# uncompressed answers to whoever has one, and there is no chain of proxies whose loops it could show.
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"http2-settings", b"host")
)
# What frames a message cannot be called off hop by hop.
_FRAMING: Final = frozenset((b"content-length",))
_JUDGED: Final = frozenset((b"transfer-encoding", b"content-length", b"connection", b"proxy-authorization"))
_SINGLE: Final = frozenset((b"host", b"content-length", b"proxy-authorization"))
_PORT_OF_HTTP: Final = 80


class MalformedRequestError(ValueError):
    """This is no request that Chromium would write; the words are for the log and hold nothing of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    Attributes:
        host: as it was written: a name, or an address; IPv6 in brackets.
        port: as it was written, or 80.
        is_tunnel: whether it is CONNECT.
        body_bytes: how much of a body follows the head.
        credentials: the value of Proxy-Authorization, if there is one.
        method: as it was written.
        target: path and query.
        fields: the lines of the head that go on to the target.
    """

    host: str
    port: int
    is_tunnel: bool
    body_bytes: int = 0
    credentials: bytes = b""
    method: bytes = b"CONNECT"
    target: bytes = b""
    fields: tuple[bytes, ...] = ()

    @property
    def address(self) -> str:
        """As an address of the web, for `AddressPolicy.inspect`."""
        return f"http://{self.host}:{self.port}/"

    @property
    def authority(self) -> bytes:
        """Host and port, the port only where it is not that of http."""
        port = "" if self.port == _PORT_OF_HTTP else f":{self.port}"
        return f"{self.host}{port}".encode()

    @property
    def url(self) -> str:
        """The whole address of a plain request; of a tunnel nothing is known."""
        return "" if self.is_tunnel else f"http://{self.authority.decode()}{self.target.decode()}"

    def head_for_target(self) -> bytes:
        """What the target gets of a plain request, in origin-form (RFC 9112, section 3.2.1)."""
        return self._head(self.target)

    def head_for_proxy(self, credentials: bytes) -> bytes:
        """What another proxy gets of a plain request: absolute-form, and Proxy-Authorization if any."""
        fields = (b"Proxy-Authorization: " + credentials,) if credentials else ()
        return self._head(b"http://" + self.authority + self.target, *fields)

    def _head(self, target: bytes, *more: bytes) -> bytes:
        first = self.method + b" " + target + b" HTTP/1.1"
        host = b"Host: " + self.authority
        return b"\r\n".join((first, host, *self.fields, *more, b"Connection: close", b"", b""))


def parse_head(head: bytes) -> Request:
    """Read a head, its empty line included.

    Raises:
        MalformedRequestError: it is none, or could be read in two ways.
    """
    if not head.endswith(END_OF_HEAD):
        raise MalformedRequestError("it does not end")
    first, _, block = head[:-2].partition(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise MalformedRequestError("the request line is none of HTTP/1.1")
    method, target = line.groups()
    fields = _Fields(block)
    if method == b"CONNECT":
        found = _AUTHORITY_FORM.fullmatch(target)
        if found is None:
            raise MalformedRequestError("CONNECT wants a host and a port")
        if fields.body_bytes:
            raise MalformedRequestError("CONNECT has no body")
        host, port = found[1].decode(), _port(found[2])
        return Request(host, port, is_tunnel=True, credentials=fields.credentials)
    found = _ABSOLUTE_FORM.fullmatch(target)
    if found is None:
        raise MalformedRequestError("the target is no address of http")
    return Request(
        host=found[1].decode(),
        port=_port(found[2]) if found[2] else _PORT_OF_HTTP,
        is_tunnel=False,
        body_bytes=fields.body_bytes,
        credentials=fields.credentials,
        method=method,
        target=found[3] or b"/",
        fields=tuple(fields.kept()),
    )


def _port(digits: bytes) -> int:
    port = int(digits)
    if not 1 <= port <= 65_535:  # noqa: PLR2004 - the range of a port
        raise MalformedRequestError("there is no such port")
    return port


class _Fields:
    """The fields of a head, each judged."""

    def __init__(self, block: bytes) -> None:
        """Read them.

        Raises:
            MalformedRequestError: one is malformed, missing, or there too often.
        """
        self.body_bytes = 0
        self.credentials = b""
        self._dropped: set[bytes] = set(_HOP_BY_HOP)
        lines = block.split(b"\r\n")[:-1]
        if len(lines) > MAX_FIELDS:
            raise MalformedRequestError("too many fields")
        self._found: list[tuple[bytes, bytes, bytes]] = []
        for line in lines:
            # Line by line: a pattern that is searched for in all of it takes time that grows with the square
            # of a value, and a page writes values as it likes.
            found = _FIELD.fullmatch(line)
            if found is None:  # a folded line, a bare CR or LF, a space before a colon
                raise MalformedRequestError("a field is malformed")
            name, value = found.groups()
            self._found.append((name.lower(), name, value))
        seen: set[bytes] = set()
        for name, _, value in self._found:
            if name in _SINGLE:
                if name in seen:
                    raise MalformedRequestError("a field is there twice")
                seen.add(name)
            if name in _JUDGED:
                self._judge(name, value.strip(b" \t"))
        if b"host" not in seen:
            raise MalformedRequestError("there is no Host")

    def _judge(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            raise MalformedRequestError("a body needs a Content-Length")
        if name == b"content-length":
            if _LENGTH.fullmatch(value) is None:
                raise MalformedRequestError("Content-Length is no number")
            self.body_bytes = int(value)
        elif name == b"connection":
            self._dropped.update({word.strip().lower() for word in value.split(b",")} - _FRAMING)
        elif name == b"proxy-authorization":
            self.credentials = value

    def kept(self) -> list[bytes]:
        """The lines that concern the target: not those between us and the client (RFC 9110, 7.6.1)."""
        return [
            given + b":" + value
            for name, given, value in self._found
            if name not in self._dropped and not name.startswith(b"proxy-")
        ]
