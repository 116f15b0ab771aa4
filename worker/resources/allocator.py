"""What glibc's malloc does with freed memory, in this process."""

import ctypes
import sys
from typing import Final

# From malloc.h of glibc.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_THRESHOLD_BYTES: Final = 4 * 1024 * 1024


def give_back_large_blocks() -> None:
    """Let what a large picture took go back to the kernel as soon as it is freed.

    By itself malloc learns from the first large block that is freed to keep the next ones, up to 32 MB, and
    then cannot give back what lies below a small object that lives on (mallopt(3), M_MMAP_THRESHOLD). Sixty
    pictures of 20 KB to 12 MB left a process 15 MB larger than with fixed thresholds (docs/adr/0006). These
    are above what an ordinary picture takes, which is kept and used again: giving back costs about 2 ms of
    CPU a megabyte.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _THRESHOLD_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
