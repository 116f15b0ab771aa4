"""A group of processes with a memory limit, as a container has it, with cgroups v1 or v2.

Only root can make one, if the machine allows it. v1 and v2 have the same figures under different names.
Sources: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and .../cgroup-v2.html#memory
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

MOUNT: Final = Path("/sys/fs/cgroup")
_PREFIX: Final = "renderfleet-bench"
_JOIN: Final = 'echo "$$" > "$0" && exec "$@"'
_END_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.05


class GroupError(Exception):
    """A group cannot be made or removed; the message is for people."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the files of a memory cgroup.

    Attributes:
        limits: file and value of each limit; `None` stands for the limit in bytes. Those of swap may be
            missing.
        own: lines of `memory.stat` with memory that is not in any file: it is freed only with its process.
        cache: the line with pages of files, shared memory included.
        shared: the line with shared memory.
        reads: the line that counts how often a process waited for a page that was read from disk.
        kills: the file with the line `oom_kill`.
    """

    limits: Mapping[str, str | None]
    own: tuple[str, ...]
    cache: str
    shared: str
    reads: str
    kills: str


_V1: Final = _Layout(
    limits={"memory.limit_in_bytes": None, "memory.memsw.limit_in_bytes": None},
    own=("total_rss", "total_shmem"),
    cache="total_cache",
    shared="total_shmem",
    reads="total_pgmajfault",
    kills="memory.oom_control",
)
_V2: Final = _Layout(
    limits={"memory.max": None, "memory.swap.max": "0"},
    own=("anon", "shmem"),
    cache="file",
    shared="shmem",
    reads="pgmajfault",
    kills="memory.events",
)


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """Memory of a group at one time.

    Attributes:
        own_bytes: anonymous and shared memory: the kernel cannot free it.
        cache_bytes: pages of programs and files: the kernel drops them when it needs memory.
        reads: how often a process waited for a page that was read from disk, since the group was made.
        kills: processes that the kernel has killed because memory ran out.
    """

    own_bytes: int
    cache_bytes: int
    reads: int
    kills: int


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """One group. Make it with `MemoryGroup.made`."""

    folder: Path
    layout: _Layout

    @classmethod
    @contextmanager
    def made(cls, name: str, limit_bytes: int | None, mount: Path = MOUNT) -> Iterator[Self]:
        """Make a group. It is removed at the end of the block; its processes must have ended then.

        Args:
            name: part of the name of its folder.
            limit_bytes: of all memory of the group, swap included; None: it only counts.
            mount: where cgroups are mounted; tests give another folder.

        Raises:
            GroupError: this machine does not allow it, or a process is still in the group.
        """
        parent, layout = _parent(mount)
        group = cls(parent / f"{_PREFIX}-{name}", layout)
        try:
            group.folder.mkdir(exist_ok=True)
            if limit_bytes is not None:
                group._limit(limit_bytes)
        except OSError as error:
            raise GroupError(
                f"Cannot make a memory group: {error}. Only root can do it, outside of containers or in one "
                "that may write /sys/fs/cgroup."
            ) from error
        try:
            yield group
        finally:
            group._remove()

    def joining(self, command: Sequence[str]) -> tuple[str, ...]:
        """Words that run the command in this group. They need root's rights."""
        return ("sh", "-c", _JOIN, str(self.folder / "cgroup.procs"), *command)

    def read(self) -> GroupMemory:
        """How it is now."""
        stat = _lines(self.folder / "memory.stat")
        return GroupMemory(
            own_bytes=sum(stat[name] for name in self.layout.own),
            cache_bytes=stat[self.layout.cache] - stat[self.layout.shared],
            reads=stat[self.layout.reads],
            kills=_lines(self.folder / self.layout.kills)["oom_kill"],
        )

    def _limit(self, limit_bytes: int) -> None:
        for name, value in self.layout.limits.items():
            file = self.folder / name
            if file.exists() or "sw" not in name:  # a kernel without swap has no file for it
                file.write_text(value or str(limit_bytes))

    def _remove(self) -> None:
        deadline = time.monotonic() + _END_TIMEOUT_S
        while True:
            try:
                self.folder.rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise GroupError(f"Cannot remove the memory group {self.folder}: {error}.") from error
                time.sleep(_POLL_S)  # the last process has ended, but the kernel still counts it for a moment
            else:
                return


def _parent(mount: Path) -> tuple[Path, _Layout]:
    """The folder for groups, and the names of their files."""
    if (mount / "memory/memory.limit_in_bytes").exists():
        return mount / "memory", _V1
    controllers = mount / "cgroup.controllers"
    if not controllers.exists() or "memory" not in controllers.read_text().split():
        raise GroupError(
            f"There are no memory groups (cgroups) below {mount}: this needs Linux with cgroups."
        )
    switch = mount / "cgroup.subtree_control"
    if "memory" not in switch.read_text().split():
        try:
            switch.write_text("+memory")
        except OSError as error:
            raise GroupError(f"Cannot switch memory groups on in {switch}: {error}.") from error
    return mount, _V2


def _lines(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in file.read_text().splitlines())
    return {name: int(number) for name, number in pairs}
