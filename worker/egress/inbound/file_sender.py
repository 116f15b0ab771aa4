"""Sends a part of a file to the browser, as fast as it reads, and never with much of it in memory."""

import asyncio
from typing import IO, Final, Protocol

from worker.egress.own_site.site import FilePart

_CHUNK_BYTES: Final = 256 * 1024


class NearEnd(Protocol):
    """The connection that the file is sent on.

    Attributes:
        moved: set whenever bytes are passed on.
    """

    moved: bool

    def lost(self, transport: asyncio.Transport, exc: Exception | None) -> None:
        """One side is closed or lost."""


class FileSender(asyncio.Protocol):
    """The protocol of the browser's side from the answer's head on. It closes the connection at the end."""

    __slots__ = ("_connection", "_file", "_is_paused", "_left", "_loop", "_near")

    def __init__(self, connection: NearEnd, near: asyncio.Transport, part: FilePart) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be read.
        """
        self._connection = connection
        self._near = near
        self._loop = asyncio.get_running_loop()
        self._left = part.size_bytes
        self._is_paused = False
        self._file: IO[bytes] | None = part.path.open("rb")
        self._file.seek(part.offset)

    def send(self) -> None:
        """Send the next piece, and go on with the following ones between other work of the event loop."""
        if self._file is None or self._is_paused:
            return
        piece = self._file.read(min(_CHUNK_BYTES, self._left))
        self._left -= len(piece)
        if piece:
            self._connection.moved = True
            self._near.write(piece)
        if not self._left or not piece:
            self._close_file()
            self._near.close()
        elif not self._is_paused:  # otherwise `resume_writing` goes on
            self._loop.call_soon(self.send)

    def pause_writing(self) -> None:
        """The browser reads more slowly than the file is read."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """The browser has read what was sent."""
        self._is_paused = False
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """The browser has closed the connection, or all of the file is sent."""
        self._close_file()
        self._connection.lost(self._near, exc)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
