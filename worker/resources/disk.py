"""Whether there is room on the disk for one more render: with too little, a worker takes no job.

What a render needs room for is seldom a file. Pictures pass between Chromium's processes in shared memory,
which lies in /dev/shm or in the worker's folder: 235 MB for one of 2560 x 24000 pixels. Where there is no
room the page's renderer crashes, and the browser soon after (measured), which looks like a page that kills
browsers. So new jobs stop coming before that, and a crash on a full disk is called by its name.
"""

import asyncio
import errno
import functools
import os
from pathlib import Path
from typing import Final, Protocol

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import DISK_FREE_BYTES, DISK_HELD
from worker.resources.cgroup import Container

_MIB: Final = 2**20
# A look costs two microseconds.
_LOOK_INTERVAL_S: Final = 1.0
# Room is back when there is a quarter more than what holds jobs up: one picture shall not turn it to and fro.
_BACK: Final = 1.25
# Chromium itself warns below this ("Less than 64MB of free space in temporary directory for shared memory
# files": components/discardable_memory/service/discardable_shared_memory_manager.cc).
_CRAMPED_BYTES: Final = 64 * _MIB
_DEV_SHM: Final = Path("/dev/shm")  # noqa: S108 - this is about shared memory
# Four renders of the largest pictures; Docker gives 64 MB.
_ROOMY_BYTES: Final = 1024 * _MIB
# What lies in /dev/shm is memory for good, while the kernel can write what lies on a disk there.
_AMPLE_MEMORY_BYTES: Final = 2048 * _MIB
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# What the job's owner is told.
FULL_DETAIL: Final = "the worker's disk is full"

log = get_logger(__name__)


class Jobs(Protocol):
    """What takes jobs: `fleet/queue/arq_adapter.py`."""

    def hold(self, reason: str) -> None:
        """Take none, for a reason."""

    def release(self, reason: str) -> None:
        """This reason is no more."""


@functools.cache
def is_dev_shm_roomy() -> bool:
    """Whether Chromium's shared memory goes to /dev/shm, because that and the container are large enough."""
    try:
        file_system = os.statvfs(_DEV_SHM)
    except OSError:
        return False
    return (
        file_system.f_blocks * file_system.f_frsize >= _ROOMY_BYTES
        and os.access(_DEV_SHM, os.W_OK)
        and Container.own().memory().limit_bytes >= _AMPLE_MEMORY_BYTES
    )


def free_bytes(folder: Path) -> int:
    """What may still be written to the file system that holds `folder`, or to shared memory if that is less.

    Raises:
        OSError: there is no such folder.
    """
    file_systems = [os.statvfs(folder)]
    if is_dev_shm_roomy():
        file_systems.append(os.statvfs(_DEV_SHM))
    return min(one.f_bavail * one.f_frsize for one in file_systems)


def is_cramped(folder: Path) -> bool:
    """Whether there is so little room that Chromium may end for want of it."""
    try:
        return free_bytes(folder) < _CRAMPED_BYTES
    except OSError:
        return False  # the worker is stopping and has removed it


def means_full(error: BaseException) -> bool:
    """Whether an error says that there is no room: the disk is full, or the user's share of it is."""
    return isinstance(error, OSError) and error.errno in _FULL


def full_error(folder: Path) -> RenderError:
    """The error for the job's owner, who is told no path; the log line tells it."""
    log.error("no space is left on the disk", folder=str(folder), free_mb=_free_mb(folder))
    return RenderError(ErrorType.STORAGE_UNAVAILABLE, FULL_DETAIL)


class DiskWatch:
    """Looks at the disk and holds jobs up while too little of it is free.

    Attributes:
        REASON: why no job is taken, as others read it.
    """

    REASON: Final = "too little space is free on the disk"

    def __init__(self, folder: Path, jobs: Jobs, *, min_free_bytes: int) -> None:
        """Prepare to look.

        Args:
            folder: the worker's own; what is said is about its file system.
            jobs: takes jobs.
            min_free_bytes: with less than this free no job is taken; 0 takes whatever comes.
        """
        self._folder = folder
        self._jobs = jobs
        self._min_free_bytes = min_free_bytes
        self._is_held = False

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_INTERVAL_S)

    def look(self) -> None:
        """Look once; take jobs or not."""
        try:
            free = free_bytes(self._folder)
        except OSError as error:
            log.warning("cannot look at the disk", folder=str(self._folder), error=repr(error))
            return
        DISK_FREE_BYTES.set(free)
        wanted = self._min_free_bytes * (_BACK if self._is_held else 1)
        if free < wanted and not self._is_held:
            self._hold(free)
        elif free >= wanted and self._is_held:
            self._is_held = False
            log.info("there is space on the disk again, taking jobs", free_mb=free // _MIB)
            self._jobs.release(self.REASON)
        DISK_HELD.set(self._is_held)

    def _hold(self, free: int) -> None:
        self._is_held = True
        log.warning(
            "too little space is free on the disk, taking no jobs",
            folder=str(self._folder),
            free_mb=free // _MIB,
            wanted_mb=self._min_free_bytes // _MIB,
            fix="free some, give DATA_DIR a larger disk, or lower RENDERFLEET_DISK_MIN_FREE_MB",
        )
        self._jobs.hold(self.REASON)


def _free_mb(folder: Path) -> int | None:
    try:
        return free_bytes(folder) // _MIB
    except OSError:
        return None
