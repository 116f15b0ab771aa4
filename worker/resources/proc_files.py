"""Reads small files of the kernel, about processes and memory, many times a second.

`open()` makes seven system calls for such a file, and this makes four, in half the time. Format: proc(5).
"""

import os
from typing import Final

# More than any file here has but `maps`, so that one call reads all of it and the next one finds its end.
_PIECE_BYTES: Final = 64 * 1024


def read_file_of(pid: int, name: str) -> bytes:
    """The content of `/proc/PID/NAME`; empty if the process has ended, and where there is no /proc."""
    return read_file(f"/proc/{pid}/{name}")


def read_file(path: str) -> bytes:
    """The content of a file; empty if it cannot be read, for whatever reason."""
    pieces = []
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while piece := os.read(file, _PIECE_BYTES):
                pieces.append(piece)
        finally:
            os.close(file)
    except OSError:
        return b""
    return b"".join(pieces)
