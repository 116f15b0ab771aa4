"""The memory of this process's container: its limit, and how much of it is used.

Linux counts memory in nested control groups (cgroups). There are two versions with different files, v1 and
v2. The limit that applies may be set on our group or on any group around it. Where no group has a limit, the
machine's memory is the limit.

"Used" is what Kubernetes calls the working set: usage without the page cache that was not accessed lately
(`inactive_file`). The kernel drops that cache before it kills a process. If it were counted, Chromium's
program files would look like used memory.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/, "memory.available".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Self

import psutil

from worker.resources.proc_files import read_file

_ROOT: Final = Path("/")
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the files of a memory cgroup.

    Attributes:
        limits: above the first limit the kernel kills, above the others it throttles. "max" means no limit;
            v1 writes a number far above any machine's memory instead.
        usage: all memory, page cache included.
        cache: the line of `memory.stat` for the cache that may be dropped, of the group and all below it.
        kills: the file with the line `oom_kill`.
    """

    limits: tuple[str, ...]
    usage: str
    cache: str
    kills: str


# Sources: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and .../cgroup-v2.html#memory
_V1: Final = _Layout(
    limits=("memory.limit_in_bytes",),
    usage="memory.usage_in_bytes",
    cache="total_inactive_file",
    kills="memory.oom_control",
)
_V2: Final = _Layout(
    limits=("memory.max", "memory.high"),
    usage="memory.current",
    cache="inactive_file",
    kills="memory.events",
)


@dataclass(frozen=True, slots=True)
class ContainerMemory:
    """Memory of the cgroup, or of the machine, in which the least is free for this process.

    Attributes:
        limit_bytes: how much all processes in it may use together.
        used_bytes: how much they use, without page cache that may be dropped.
    """

    limit_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        """How much more may be used before the kernel kills or throttles."""
        return max(0, self.limit_bytes - self.used_bytes)


@dataclass(frozen=True, slots=True)
class Container:
    """The cgroups that count this process's memory: its own and those around it, the innermost first."""

    root: Path
    layout: _Layout | None
    groups: tuple[Path, ...]

    @classmethod
    def own(cls, root: Path = _ROOT) -> Self:
        """Find the cgroups of this process. `groups` is empty on a system without cgroups.

        Args:
            root: where /proc and the mounted cgroups are; tests give a folder other than `/`.
        """
        try:
            memberships = (root / "proc/self/cgroup").read_text()
            mounts = (root / "proc/self/mountinfo").read_text()
        except FileNotFoundError:
            return cls(root, None, ())
        for layout, path in _memberships(memberships):
            for within, mounted_at in _mounts(mounts, layout):
                if (folder := _folder(root, mounted_at, within, path)) is not None:
                    top = root / mounted_at.relative_to("/")
                    outer = folder.parents[: len(folder.parts) - len(top.parts)]
                    return cls(root, layout, (folder, *outer))
        return cls(root, None, ())

    def memory(self) -> ContainerMemory:
        """Measure all groups and the machine; return the one where the least memory is free."""
        machine = _machine(self.root)
        if self.layout is None:
            return machine
        found = [_group(group, self.layout, below_bytes=machine.limit_bytes) for group in self.groups]
        return min((machine, *filter(None, found)), key=lambda memory: memory.free_bytes)

    def oom_kills(self) -> int | None:
        """How many processes of this container the kernel has killed because memory ran out.

        The number never falls. It counts kills for the limit of any group. None where the kernel has no such
        number: without cgroups, in the root group of v2, and before Linux 4.13.
        """
        if self.layout is None:
            return None
        return _numbers(self.groups[0] / self.layout.kills, "oom_kill")[0]


def _memberships(text: str) -> Iterator[tuple[_Layout, str]]:
    """The path of the group that counts our memory. A machine may use v1 for memory and v2 for the rest."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    yield from ((_V1, path) for _, controllers, path in lines if "memory" in controllers.split(","))
    yield from ((_V2, path) for number, _, path in lines if number == "0")


def _mounts(text: str, layout: _Layout) -> Iterator[tuple[str, PurePosixPath]]:
    """The mount points of a layout, each with the path of the group that is visible there.

    Source: proc_pid_mountinfo(5).
    """
    for line in text.splitlines():
        mount, _, source = line.partition(" - ")
        within, mounted_at = mount.split()[3:5]
        kind, _, options = source.split(" ", 2)
        if kind == "cgroup2" if layout is _V2 else kind == "cgroup" and "memory" in options.split(","):
            yield within, PurePosixPath(_unescaped(mounted_at))


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _folder(root: Path, mounted_at: PurePosixPath, within: str, path: str) -> Path | None:
    """The folder of our group below a mount point; None when there is no memory group."""
    top = root / mounted_at.relative_to("/")
    group = PurePosixPath(path)
    # In a container the mount point often is the container's own group, while /proc names the host's path.
    inside = group.relative_to(within) if group.is_relative_to(within) else PurePosixPath()
    folder = top if ".." in inside.parts else top / inside
    return next((found for found in (folder, top) if (found / "memory.stat").exists()), None)


def _group(folder: Path, layout: _Layout, *, below_bytes: int) -> ContainerMemory | None:
    """Limit and usage of a group; None when its limit is not below `below_bytes` or it no longer exists."""
    words = [read_file(f"{folder}/{name}").strip() for name in layout.limits]
    limit = min((int(word) for word in words if word not in {b"", b"max"}), default=below_bytes)
    if limit >= below_bytes:
        return None
    usage = read_file(f"{folder}/{layout.usage}")
    if not usage:
        return None
    cache = _numbers(folder / "memory.stat", layout.cache)[0] or 0
    return ContainerMemory(limit_bytes=limit, used_bytes=max(0, int(usage) - cache))


def _machine(root: Path) -> ContainerMemory:
    total, available = _numbers(root / "proc/meminfo", "MemTotal:", "MemAvailable:")
    if total is None or available is None:
        memory = psutil.virtual_memory()
        return ContainerMemory(limit_bytes=memory.total, used_bytes=memory.total - memory.available)
    return ContainerMemory(limit_bytes=total * _KIB, used_bytes=(total - available) * _KIB)


def _numbers(file: Path, *names: str) -> list[int | None]:
    """The numbers behind these names in a file of lines such as `oom_kill 3`; None: there is no such line."""
    content = read_file(str(file))
    found = (re.search(rb"^%b\s+(\d+)" % re.escape(name.encode()), content, re.MULTILINE) for name in names)
    return [int(match[1]) if match else None for match in found]
