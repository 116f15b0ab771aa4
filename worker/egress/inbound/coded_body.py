"""Whether a compressed body is complete. Its bytes are looked at as they pass, and none are kept.

Chromium shows what it could decompress of a body that ends too early, and reports no error. Servers that
leave out the end of the format, but no data, must go on working. So checksums and sizes are not looked at, as
Chromium does not look at them, and a body that ends where its sender has flushed everything is complete.
"""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli

# A piece of a body that becomes more is followed no further: it would hold the event loop for 40 ms.
MAX_INFLATED_BYTES: Final = 16 * 1024 * 1024
# So much is decompressed in one go, and thrown away.
_PIECE_BYTES: Final = 256 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_GZIP_HEAD_BYTES: Final = 10
# It may hold a file's name and a comment of any length. Servers send neither.
_MAX_GZIP_HEAD_BYTES: Final = 64 * 1024
# Flags of a gzip header (RFC 1952, 2.3.1).
_HAS_CHECKSUM, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 2, 4, 8, 16
_RAW: Final = -zlib.MAX_WBITS
# What zlib writes when it flushes: an empty block (Z_SYNC_FLUSH).
_FLUSHED: Final = b"\x00\x00\xff\xff"
_ZSTD_FRAME: Final = 0xFD2FB528
# 0x184D2A50 to 0x184D2A5F: frames of others, to be skipped (RFC 8878, 3.1.2).
_ZSTD_SKIPPABLE: Final = 0x184D2A5
_ZSTD_RLE, _ZSTD_RESERVED = 1, 3


class UnreadableBodyError(Exception):
    """Not in the format that its label names, or too large to be followed: nothing can be said of it."""


class CodedBody(Protocol):
    """A compressed body, piece by piece.

    Attributes:
        has_ended: whether it may end here: its last block is complete, or its sender has flushed all data.
    """

    has_ended: bool

    def feed(self, data: bytes) -> int:
        """Take a piece. Returns how many bytes came out of it.

        Raises:
            UnreadableBodyError: it is not in this format.
        """


class _Deflate:
    """Deflate within what gzip or zlib put around it, or bare: `Content-Encoding: deflate` may be either."""

    def __init__(self, *, is_gzip: bool) -> None:
        self.has_ended = False
        self._is_gzip = is_gzip
        self._head: bytearray | None = bytearray()
        self._data = zlib.decompressobj(_RAW)
        self._last = b""

    def feed(self, data: bytes) -> int:
        """See `CodedBody.feed`."""
        if self._data.eof:
            return 0  # Chromium passes over what follows, too
        self._last = (self._last + data[-len(_FLUSHED) :])[-len(_FLUSHED) :]
        if self._head is not None:
            self._head += data
            size = _gzip_head_bytes(self._head) if self._is_gzip else _zlib_head_bytes(self._head)
            if size is None:
                return 0
            data, self._head = bytes(self._head[size:]), None
        return self._inflate(data)

    def _inflate(self, data: bytes) -> int:
        total = 0
        try:
            while data and not self._data.eof:  # what follows the end stays in `unconsumed_tail`
                total += len(self._data.decompress(data, _PIECE_BYTES))
                data = self._data.unconsumed_tail
                if total > MAX_INFLATED_BYTES:
                    raise UnreadableBodyError
        except zlib.error as error:
            raise UnreadableBodyError from error
        self.has_ended = self._data.eof or self._last == _FLUSHED
        return total


class _Brotli:
    """Brotli (RFC 7932)."""

    def __init__(self) -> None:
        self.has_ended = False
        self._data = brotli.Decompressor()

    def feed(self, data: bytes) -> int:
        """See `CodedBody.feed`."""
        if self.has_ended:
            return 0
        total = 0
        try:
            while came_out := len(self._data.process(data, output_buffer_limit=_PIECE_BYTES)):
                total, data = total + came_out, b""  # it has the data now, and gives the rest
                if total > MAX_INFLATED_BYTES:
                    raise UnreadableBodyError
        except brotli.error as error:
            raise UnreadableBodyError from error
        self.has_ended = self._data.is_finished()
        return total


class _Zstandard:
    """Zstandard (RFC 8878). Its blocks say how long they are, so that nothing has to be decompressed."""

    def __init__(self) -> None:
        self.has_ended = False
        self._held = bytearray()
        self._passed_over = 0  # bytes that are still to come and do not matter
        self._is_in_frame = self._has_blocks = self._is_last = False

    def feed(self, data: bytes) -> int:
        """See `CodedBody.feed`."""
        self._held += data
        while self._pass_over() and not self._is_last:
            if not (self._block() if self._is_in_frame else self._frame()):
                break
        self.has_ended = self._has_blocks and not self._passed_over and (self._is_last or not self._held)
        return 0

    def _pass_over(self) -> bool:
        """Returns whether all is here that does not matter."""
        passed = min(self._passed_over, len(self._held))
        del self._held[:passed]
        self._passed_over -= passed
        return not self._passed_over

    def _frame(self) -> bool:
        """Read the head of a frame, if it is there."""
        held = self._held
        if len(held) < 8:  # noqa: PLR2004 - the shortest head with the shortest block, or one to be skipped
            return False
        magic = int.from_bytes(held[:4], "little")
        if magic >> 4 == _ZSTD_SKIPPABLE:
            self._passed_over = 8 + int.from_bytes(held[4:8], "little")
            return True
        if magic != _ZSTD_FRAME:
            raise UnreadableBodyError
        descriptor = held[4]
        is_single = bool(descriptor & 0x20)
        size_of_size = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
        size_of_dictionary = (0, 1, 2, 4)[descriptor & 3]
        self._passed_over = 5 + (0 if is_single else 1) + size_of_dictionary + size_of_size
        self._is_in_frame = True
        return True

    def _block(self) -> bool:
        """Read the head of a block, if it is there."""
        if len(self._held) < 3:  # noqa: PLR2004 - the length of a block's head
            return False
        head = int.from_bytes(self._held[:3], "little")
        kind, size = head >> 1 & 3, head >> 3
        if kind == _ZSTD_RESERVED:
            raise UnreadableBodyError
        self._has_blocks, self._is_last = True, bool(head & 1)
        self._passed_over = 3 + (1 if kind == _ZSTD_RLE else size)
        return True


CODINGS: Final[dict[bytes, Callable[[], CodedBody]]] = {
    b"gzip": lambda: _Deflate(is_gzip=True),
    b"x-gzip": lambda: _Deflate(is_gzip=True),
    b"deflate": lambda: _Deflate(is_gzip=False),
    b"br": _Brotli,
    b"zstd": _Zstandard,
}


def _gzip_head_bytes(held: bytearray) -> int | None:
    """How long the header is; None: it is not all there yet."""
    if held[: len(_GZIP_MAGIC)] != _GZIP_MAGIC[: len(held)]:
        raise UnreadableBodyError
    if len(held) > _MAX_GZIP_HEAD_BYTES:
        raise UnreadableBodyError
    if len(held) < _GZIP_HEAD_BYTES:
        return None
    flags, end = held[3], _GZIP_HEAD_BYTES
    if flags & _HAS_EXTRA:
        end += 2 + int.from_bytes(held[end : end + 2], "little")
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            zero = held.find(0, end)
            if zero < 0:
                return None
            end = zero + 1
    if flags & _HAS_CHECKSUM:
        end += 2
    return end if len(held) >= end else None


def _zlib_head_bytes(held: bytearray) -> int | None:
    """Two if there is a header of zlib (RFC 1950, 2.2), none if there is not; None: that is not known yet."""
    if len(held) < 2:  # noqa: PLR2004 - the length of that header
        return None
    method, check = held[0] & 15, held[0] * 256 + held[1]
    return 2 if method == zlib.DEFLATED and check % 31 == 0 else 0
