"""Decides whether there is disk space for one more render: with too little, a worker takes no job.

Most of the space is not for files. Chromium's processes pass pictures to each other in shared memory, which
is in /dev/shm or in the worker's folder: 235 MB for a picture of 2560 x 24000 pixels. Without space the
page's renderer crashes and the browser soon after (measured). That looks like a page that kills browsers. So
the worker stops taking jobs before, and a crash on a full disk is reported as `storage_unavailable`.
"""

import asyncio
import errno
import functools
import os
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import DISK_FREE_BYTES, DISK_HELD
from worker.resources.cgroup import Container
from worker.resources.job_intake import JobIntake

_MIB: Final = 2**20
# One check costs two microseconds.
_CHECK_INTERVAL_S: Final = 1.0
# Jobs are held below the limit and released at 1.25 times the limit. With one threshold for both, a single
# picture could hold and release jobs again and again.
_RELEASE_FACTOR: Final = 1.25
# Chromium itself warns below this ("Less than 64MB of free space in temporary directory for shared memory
# files": components/discardable_memory/service/discardable_shared_memory_manager.cc).
_ALMOST_FULL_BYTES: Final = 64 * _MIB
_DEV_SHM: Final = Path("/dev/shm")  # noqa: S108 - this is about shared memory
# Enough for four renders of the largest pictures. Docker's default is 64 MB.
_DEV_SHM_MIN_BYTES: Final = 1024 * _MIB
# Files in /dev/shm use memory until they are deleted. Files on a disk do not: the kernel can write them out.
_CONTAINER_MIN_BYTES: Final = 2048 * _MIB
_DISK_FULL_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# The error's detail for the job's owner.
FULL_DETAIL: Final = "the worker's disk is full"

log = get_logger(__name__)


@functools.cache
def uses_dev_shm() -> bool:
    """Whether Chromium puts shared memory into /dev/shm: when /dev/shm and the container are large enough."""
    try:
        file_system = os.statvfs(_DEV_SHM)
    except OSError:
        return False
    return (
        file_system.f_blocks * file_system.f_frsize >= _DEV_SHM_MIN_BYTES
        and os.access(_DEV_SHM, os.W_OK)
        and Container.own().memory().limit_bytes >= _CONTAINER_MIN_BYTES
    )


def free_bytes(folder: Path) -> int:
    """Free space of the file system of `folder`, or of shared memory if that has less.

    Raises:
        OSError: there is no such folder.
    """
    file_systems = [os.statvfs(folder)]
    if uses_dev_shm():
        file_systems.append(os.statvfs(_DEV_SHM))
    return min(one.f_bavail * one.f_frsize for one in file_systems)


def is_almost_full(folder: Path) -> bool:
    """Whether so little space is free that Chromium may crash."""
    try:
        return free_bytes(folder) < _ALMOST_FULL_BYTES
    except OSError:
        return False  # the worker is stopping and has removed the folder


def means_full(error: BaseException) -> bool:
    """Whether an error says that the disk is full, or that the user's quota on it is used up."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL_ERRORS


def require_space(folder: Path, size_bytes: int) -> None:
    """Do nothing if so many bytes can be written without a full disk.

    Raises:
        RenderError: `storage_unavailable`: they cannot. Another worker may have more space.
    """
    if free_bytes(folder) < size_bytes + _ALMOST_FULL_BYTES:
        raise full_error(folder)


def full_error(folder: Path) -> RenderError:
    """The error for the job's owner. It names no path; the log line does."""
    log.error("no space is left on the disk", folder=str(folder), free_mb=_free_mb(folder))
    return RenderError(ErrorType.STORAGE_UNAVAILABLE, FULL_DETAIL)


class DiskWatch:
    """Measures free disk space and has no job taken while there is too little.

    Attributes:
        REASON: why no job is taken; `/readyz` and `/v1/fleet` show this text.
    """

    REASON: Final = "too little space is free on the disk"

    def __init__(self, folder: Path, jobs: JobIntake, *, min_free_bytes: int) -> None:
        """Measure nothing yet.

        Args:
            folder: the worker's own folder; its file system is measured.
            jobs: takes the jobs.
            min_free_bytes: with less than this free no job is taken; 0: jobs are always taken.
        """
        self._folder = folder
        self._jobs = jobs
        self._min_free_bytes = min_free_bytes
        self._is_held = False

    async def run(self) -> None:
        """Check the disk for ever."""
        while True:
            self.check()
            await asyncio.sleep(_CHECK_INTERVAL_S)

    def check(self) -> None:
        """Measure the free space once, and hold or release jobs."""
        try:
            free = free_bytes(self._folder)
        except OSError as error:
            log.warning("cannot read the free disk space", folder=str(self._folder), error=repr(error))
            return
        DISK_FREE_BYTES.set(free)
        wanted = self._min_free_bytes * (_RELEASE_FACTOR if self._is_held else 1)
        if free < wanted and not self._is_held:
            self._hold(free)
        elif free >= wanted and self._is_held:
            self._is_held = False
            log.info("enough space is free on the disk again, taking jobs", free_mb=free // _MIB)
            self._jobs.release(self.REASON)
        DISK_HELD.set(self._is_held)

    def _hold(self, free: int) -> None:
        self._is_held = True
        log.warning(
            "too little space is free on the disk, taking no jobs",
            folder=str(self._folder),
            free_mb=free // _MIB,
            wanted_mb=self._min_free_bytes // _MIB,
            fix="free some space, give DATA_DIR a larger disk, or lower RENDERFLEET_DISK_MIN_FREE_MB",
        )
        self._jobs.hold(self.REASON)


def _free_mb(folder: Path) -> int | None:
    try:
        return free_bytes(folder) // _MIB
    except OSError:
        return None
