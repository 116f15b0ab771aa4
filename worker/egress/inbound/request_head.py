"""The head of a client's request to the proxy, parsed strictly (RFC 9112).

The only client is Chromium, which writes requests in one way. So this parser need not accept variants: a head
that two parsers could read differently is refused. The target gets a new head, which is written from the
parsed values.
"""

import re
from dataclasses import dataclass
from typing import Final

from worker.egress.outbound.stream import END_OF_HEAD

# The limit that Chromium has for the head of an answer. Chromium would send URLs of 2 MB and cookies of 700
# KB. Most servers accept heads of 8 to 64 KiB, and refuse larger ones themselves.
MAX_HEAD_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 100

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# A host: a name of characters that both fleet/egress/policy.py and Chromium accept, or an IPv6 address
# without a zone. RFC 3986 allows no underscore in DNS names, but there are such names.
_HOST: Final = rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,255})"
_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
_AUTHORITY_FORM: Final = re.compile(_HOST + rb":([0-9]{1,5})")
_ABSOLUTE_FORM: Final = re.compile(rb"http://" + _HOST + rb"(?::([0-9]{1,5}))?(/[!-\"$-~]*)?")
# obs-text (0x80 up) stays: cookies hold UTF-8, which Chromium sends as it is.
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")

# RFC 9110, section 7.6.1, and older RFCs. Via is not added: some servers do not compress answers to requests
# with this field, and there are no proxy loops that it could help to find.
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"http2-settings", b"host")
)
# `Connection` may not remove fields that say where a message ends.
_FRAMING_FIELDS: Final = frozenset((b"content-length",))
_SPECIAL_FIELDS: Final = frozenset(
    (b"transfer-encoding", b"content-length", b"connection", b"proxy-authorization")
)
_FIELDS_ALLOWED_ONCE: Final = frozenset((b"host", b"content-length", b"proxy-authorization"))
_PORT_OF_HTTP: Final = 80


class MalformedRequestError(ValueError):
    """Chromium would not write such a request. The message is for the log, and contains no part of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    Attributes:
        host: the host as it was written: a name or an address; IPv6 in brackets.
        port: the port as it was written, or 80.
        is_tunnel: whether the method is CONNECT.
        body_bytes: the length of the body that follows the head.
        credentials: the value of Proxy-Authorization; empty if there is none.
        method: the method as it was written.
        target: path and query.
        fields: the header lines that the target gets.
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
        """Host and port as a URL, for `AddressPolicy.inspect`."""
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

    @property
    def accept(self) -> str:
        """The field Accept of a plain request, in lower case; empty if it has none."""
        lines = (line.partition(b":") for line in self.fields)
        return next(
            (
                value.strip().decode("latin-1").lower()
                for name, _, value in lines
                if name.lower() == b"accept"
            ),
            "",
        )

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
        MalformedRequestError: it is not a request head, or is ambiguous.
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
    """The checked header fields of a head."""

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
            # Each line by itself: searching a pattern in the whole block takes time that grows with the
            # square of the length of a value, and pages can choose values.
            found = _FIELD.fullmatch(line)
            if found is None:  # a folded line, a bare CR or LF, a space before a colon
                raise MalformedRequestError("a field is malformed")
            name, value = found.groups()
            self._found.append((name.lower(), name, value))
        seen: set[bytes] = set()
        for name, _, value in self._found:
            if name in _FIELDS_ALLOWED_ONCE:
                if name in seen:
                    raise MalformedRequestError("a field is there twice")
                seen.add(name)
            if name in _SPECIAL_FIELDS:
                self._apply(name, value.strip(b" \t"))
        if b"host" not in seen:
            raise MalformedRequestError("there is no Host")

    def _apply(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            raise MalformedRequestError("a body needs a Content-Length")
        if name == b"content-length":
            if _LENGTH.fullmatch(value) is None:
                raise MalformedRequestError("Content-Length is no number")
            self.body_bytes = int(value)
        elif name == b"connection":
            self._dropped.update({word.strip().lower() for word in value.split(b",")} - _FRAMING_FIELDS)
        elif name == b"proxy-authorization":
            self.credentials = value

    def kept(self) -> list[bytes]:
        """The lines for the target, without those that are only for this proxy (RFC 9110, section 7.6.1)."""
        return [
            given + b":" + value
            for name, given, value in self._found
            if name not in self._dropped and not name.startswith(b"proxy-")
        ]
