"""What a port asks of a site that it serves itself, and how it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FilePart:
    """Bytes of a file of this machine, from `offset` on."""

    path: Path
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """An HTTP answer.

    Attributes:
        head: the status line, the header fields and the empty line.
        body: what follows; or
        file: the same, from a file.
    """

    head: bytes
    body: bytes = b""
    file: FilePart | None = None


class OwnSite(Protocol):
    """A site that exists for one page alone."""

    @property
    def host(self) -> str:
        """The name of its address, at port 80."""

    def answer(self, method: bytes, target: bytes, fields: Sequence[bytes]) -> OwnAnswer:
        """The answer to a plain request.

        Args:
            method: as the browser wrote it.
            target: path and query.
            fields: the header lines.
        """


def head(status: HTTPStatus, content_type: str, size_bytes: int, *more: str) -> bytes:
    """The head of an answer after which the connection ends.

    Args:
        status: of the answer.
        content_type: of the body.
        size_bytes: of the body.
        more: further header lines.
    """
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {size_bytes}",
        "Cache-Control: no-store",
        *more,
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
