"""Memory groups of cgroups v1 and v2, with files like those of the kernel."""

import subprocess
from pathlib import Path

import pytest

from tests.bench.clients.cgroup_group import GroupError, GroupMemory, MemoryGroup

STAT_V1 = "cache 5\nrss 7\ntotal_cache 900\ntotal_rss 300\ntotal_shmem 100\ntotal_pgmajfault 12\n"
STAT_V2 = "anon 300\nfile 900\nshmem 100\npgmajfault 12\n"
SEEN = GroupMemory(own_bytes=400, cache_bytes=800, reads=12, kills=2)


def mount_v1(root: Path) -> Path:
    (root / "memory").mkdir()
    (root / "memory/memory.limit_in_bytes").write_text("9223372036854771712")
    return root


def mount_v2(root: Path, switched_on: str = "cpu memory") -> Path:
    (root / "cgroup.controllers").write_text("cpu io memory pids")
    (root / "cgroup.subtree_control").write_text(switched_on)
    return root


def kernel(group: MemoryGroup, **files: str) -> dict[str, str]:
    """Write the kernel's files into a group, as mkdir does on a real mount; what the files contained."""
    written = {path.name: path.read_text() for path in group.folder.iterdir()}
    for name, text in files.items():
        (group.folder / name.replace("__", ".")).write_text(text)
    return written


def clear(group: MemoryGroup) -> None:
    for path in group.folder.iterdir():
        path.unlink()


def test_a_group_of_v1(tmp_path: Path) -> None:
    with MemoryGroup.made("one", 512, mount_v1(tmp_path)) as group:
        assert group.folder.parent == tmp_path / "memory"
        written = kernel(
            group,
            memory__stat=STAT_V1,
            memory__oom_control="under_oom 0\noom_kill 2\n",
        )
        assert written["memory.limit_in_bytes"] == "512"
        assert group.read() == SEEN
        clear(group)
    assert not group.folder.exists()


def test_a_group_of_v2_has_no_swap(tmp_path: Path) -> None:
    with MemoryGroup.made("one", 512, mount_v2(tmp_path)) as group:
        written = kernel(group, memory__stat=STAT_V2, memory__events="low 0\nmax 7\noom 3\noom_kill 2\n")
        assert written["memory.max"] == "512"
        assert group.read() == SEEN
        clear(group)
    assert not group.folder.exists()


def test_a_group_without_a_limit_counts_alone(tmp_path: Path) -> None:
    with MemoryGroup.made("one", None, mount_v2(tmp_path)) as group:
        assert kernel(group) == {}


def test_memory_groups_of_v2_are_switched_on(tmp_path: Path) -> None:
    with MemoryGroup.made("one", None, mount_v2(tmp_path, switched_on="cpu")):
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"


@pytest.mark.parametrize("controllers", [None, "cpu io"])
def test_a_machine_without_memory_groups_is_told_so(tmp_path: Path, controllers: str | None) -> None:
    if controllers is not None:
        (tmp_path / "cgroup.controllers").write_text(controllers)
    with pytest.raises(GroupError, match="no memory groups"), MemoryGroup.made("one", 512, tmp_path):
        pass


def test_who_may_not_make_a_group_is_told_who_may(tmp_path: Path) -> None:
    mount = mount_v1(tmp_path)
    (mount / "memory/renderfleet-bench-one").write_text("in the way")
    with pytest.raises(GroupError, match="Only root"), MemoryGroup.made("one", 512, mount):
        pass


def test_a_command_joins_before_it_begins(tmp_path: Path) -> None:
    with MemoryGroup.made("one", None, mount_v1(tmp_path)) as group:
        command = group.joining(["sh", "-c", 'cat "$0"', str(group.folder / "cgroup.procs")])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            said, _ = child.communicate()
        assert int(said) == child.pid
        clear(group)
