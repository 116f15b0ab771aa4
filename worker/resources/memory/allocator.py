"""Sets what glibc's malloc does with freed memory in this process."""

import ctypes
import sys
from typing import Final

# From malloc.h of glibc.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_THRESHOLD_BYTES: Final = 4 * 1024 * 1024


def give_back_large_blocks() -> None:
    """Return the memory of large pictures to the kernel as soon as they are freed.

    By default malloc raises its thresholds when it frees the first large block. From then on it keeps freed
    blocks of up to 32 MB, and it cannot return those that lie below a small object still in use (mallopt(3),
    M_MMAP_THRESHOLD). With fixed thresholds a process was 15 MB smaller after sixty pictures of 20 KB to
    12 MB (docs/adr/0006). The threshold is above the size of an ordinary picture, whose memory is kept and
    used again: returning memory costs about 2 ms of CPU per megabyte.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has no mallopt
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _THRESHOLD_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
