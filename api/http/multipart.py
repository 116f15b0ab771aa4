"""Bodies of multipart/form-data (RFC 7578), taken part by part while they arrive.

python-multipart finds the parts. What it finds in one chunk of the body, 64 KiB at most, is handed on before
the next chunk is read: nothing is collected here.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.http.problems import RefusedError, refused_field
from fleet.errors import ErrorType

MULTIPART: Final = "multipart/form-data"
_HEADER_BYTES: Final = 4096
_HEADERS: Final = 8


@dataclass(frozen=True, slots=True)
class PartHead:
    """The beginning of a part.

    Attributes:
        name: of the form's field.
        file_name: None: the part is no file.
    """

    name: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The end of a part."""


PartEvent = PartHead | bytes | PartEnd


def is_multipart(request: Request) -> bool:
    """Whether the body of a call says that it is a form with files."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MULTIPART


async def read_parts(request: Request, *, max_bytes: int, timeout_s: float) -> AsyncIterator[PartEvent]:
    """The parts of a body: for each its head, its bytes in pieces, and its end.

    Args:
        request: the call, with `is_multipart`.
        max_bytes: of the whole body.
        timeout_s: seconds that the whole body may take to arrive.

    Raises:
        RefusedError: it is malformed, too large, compressed, or not all of it arrived in time.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise RefusedError(
            ErrorType.UNSUPPORTED_MEDIA_TYPE,
            "compressed bodies are not accepted: send it without `Content-Encoding`",
            headers={"Accept-Encoding": "identity"},
        )
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        raise too_large(max_bytes)
    parts = _Parts(request.headers["content-type"])
    deadline = asyncio.get_running_loop().time() + timeout_s
    sent = 0
    chunks = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(chunks, None)
        except TimeoutError:
            detail = f"the body did not arrive within {timeout_s:g} s"
            raise RefusedError(ErrorType.INVALID_REQUEST, detail, headers={"Connection": "close"}) from None
        if chunk is None:
            break
        sent += len(chunk)
        if sent > max_bytes:
            raise too_large(max_bytes)
        for event in parts.feed(chunk):
            yield event
    parts.require_end()


def too_large(max_bytes: int) -> RefusedError:
    """The refusal of a body or a part that is too long."""
    return RefusedError(ErrorType.BODY_TOO_LARGE, f"the files may be {max_bytes:,} bytes long at most")


class _Parts:
    """Turns the callbacks of the parser into events."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise refused_field("Content-Type", "has no boundary", allowed=f"{MULTIPART}; boundary=…")
        self._events: list[PartEvent] = []
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._is_ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
                    "on_part_end": lambda: self._events.append(PartEnd()),
                    "on_end": self._end,
                },
                max_header_count=_HEADERS,
                max_header_size=_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _malformed(error) from None

    def feed(self, chunk: bytes) -> list[PartEvent]:
        """What a chunk of the body brings."""
        self._events.clear()
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(error) from None
        return self._events

    def require_end(self) -> None:
        """Do nothing if the last boundary has come."""
        if not self._is_ended:
            raise refused_field(None, "the body ends before its last boundary")

    def _begin_part(self) -> None:
        self._disposition = b""

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        for part in self._header:
            part.clear()
        if name.lower() == b"content-disposition":
            self._disposition = value

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name, file_name = (options.get(key) for key in (b"name", b"filename"))
        if name is None:
            raise refused_field(None, "a part has no name", allowed="`request`, and files by their file name")
        self._events.append(PartHead(_text(name), None if file_name is None else _text(file_name)))

    def _end(self) -> None:
        self._is_ended = True


def _text(raw: bytes) -> str:
    """A name as its sender wrote it. One that is not UTF-8 is refused with the rules for names."""
    return raw.decode("utf-8", errors="surrogateescape")


def _malformed(error: FormParserError) -> RefusedError:
    return refused_field(None, f"the body is no valid {MULTIPART}: {error}")
