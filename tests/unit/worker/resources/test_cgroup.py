"""How much memory the container has left, from Linux's control groups as different hosts show them."""

import os
from pathlib import Path

import psutil
import pytest

from worker.health.vitals import KernelKills
from worker.resources.cgroup import Container, ContainerMemory

MB = 2**20
V1_MOUNT = "35 31 0:32 {within} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu"
V2_MOUNT = "30 23 0:26 {within} {at} rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate"
V1_UNLIMITED = 9223372036854771712


class Host:
    """A root folder with /proc and control groups as a test writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1024 kB\nMemAvailable: 6291456 kB\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, groups: str, *mounts: str) -> None:
        self.write("proc/self/cgroup", groups)
        self.write("proc/self/mountinfo", "\n".join(("23 1 0:21 / / rw - ext4 /dev/vda rw", *mounts)) + "\n")

    def v1(self, path: str, *, limit: int = V1_UNLIMITED, usage: int = 0, cache: int = 0) -> None:
        folder = f"sys/fs/cgroup/memory{path}"
        self.write(f"{folder}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"{folder}/memory.usage_in_bytes", f"{usage}\n")
        stat = f"cache 77\ninactive_file 55\nactive_file 66\ntotal_cache 77\ntotal_inactive_file {cache}\n"
        self.write(f"{folder}/memory.stat", stat)
        self.write(f"{folder}/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")

    def v2(self, path: str, *, limit: int | str = "max", usage: int = 0, cache: int = 0) -> None:
        folder = f"sys/fs/cgroup{path}"
        self.write(f"{folder}/memory.max", f"{limit}\n")
        self.write(f"{folder}/memory.high", "max\n")
        self.write(f"{folder}/memory.current", f"{usage}\n")
        self.write(f"{folder}/memory.stat", f"anon 99\ninactive_file {cache}\nactive_file 66\n")
        self.write(f"{folder}/memory.events", "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 0\n")

    @property
    def container(self) -> Container:
        return Container.own(self.root)

    @property
    def memory(self) -> ContainerMemory:
        return self.container.memory()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


MACHINE = ContainerMemory(limit_bytes=8192 * MB, used_bytes=2048 * MB)


def test_v1_takes_what_may_be_dropped_off_the_usage(host: Host) -> None:
    # Docker before cgroup namespaces: /proc names the host's path, and that is what is mounted.
    host.process("4:memory:/docker/ab\n3:cpu:/\n", V1_CPU, V1_MOUNT.format(within="/docker/ab"))
    host.v1("", limit=512 * MB, usage=400 * MB, cache=150 * MB)
    assert host.memory == ContainerMemory(limit_bytes=512 * MB, used_bytes=250 * MB)
    assert host.memory.free_bytes == 262 * MB
    assert host.container.oom_kills() == 2


def test_v2_takes_what_may_be_dropped_off_the_usage(host: Host) -> None:
    # A container with a cgroup namespace of its own.
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("", limit=512 * MB, usage=400 * MB, cache=100 * MB)
    assert host.memory == ContainerMemory(limit_bytes=512 * MB, used_bytes=300 * MB)
    assert host.container.oom_kills() == 3


def test_the_group_of_a_service_is_found_below_the_mount(host: Host) -> None:
    host.process("0::/system.slice/worker@1.service\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("/system.slice/worker@1.service", limit=600 * MB, usage=500 * MB)
    host.v2("/system.slice")
    host.write("sys/fs/cgroup/memory.stat", "anon 99\n")  # the real root has neither limit nor usage
    assert host.memory == ContainerMemory(limit_bytes=600 * MB, used_bytes=500 * MB)


@pytest.mark.parametrize(
    ("own_mb", "pod_mb", "free_mb"),  # limit and usage of each
    [
        ((1024, 100), (512, 300), 212),  # the outer limit is smaller
        ((1024, 100), (2048, 2000), 48),  # it is larger, but others in it have taken nearly all of it
        ((512, 500), (2048, 600), 12),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_of_nested_groups_counts(
    host: Host, version: int, own_mb: tuple[int, int], pod_mb: tuple[int, int], free_mb: int
) -> None:
    if version == 1:
        host.process("9:memory:/pod/c\n", V1_MOUNT.format(within="/"))
        write = host.v1
    else:
        host.process("0::/pod/c\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
        write = host.v2
    write("/pod/c", limit=own_mb[0] * MB, usage=own_mb[1] * MB)
    write("/pod", limit=pod_mb[0] * MB, usage=pod_mb[1] * MB)
    write("")
    assert host.memory.free_bytes == free_mb * MB


def test_a_hybrid_machine_counts_memory_in_v1(host: Host) -> None:
    at = "/sys/fs/cgroup/unified"
    host.process("4:memory:/job\n0::/job\n", V2_MOUNT.format(within="/", at=at), V1_MOUNT.format(within="/"))
    host.v1("/job", limit=300 * MB, usage=200 * MB)
    host.v1("")
    host.v2("/unified/job", limit=100 * MB, usage=90 * MB)  # not what is enforced
    assert host.memory == ContainerMemory(limit_bytes=300 * MB, used_bytes=200 * MB)


def test_throttling_begins_where_memory_high_says(host: Host) -> None:
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("", limit=1024 * MB, usage=400 * MB)
    host.write("sys/fs/cgroup/memory.high", f"{512 * MB}\n")
    assert host.memory.limit_bytes == 512 * MB


@pytest.mark.parametrize("version", [1, 2])
def test_without_a_limit_the_machine_is_the_limit(host: Host, version: int) -> None:
    if version == 1:
        host.process("4:memory:/a\n", V1_MOUNT.format(within="/"))
        host.v1("/a", usage=900 * MB)
        host.v1("")
    else:
        host.process("0::/a\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
        host.v2("/a", usage=900 * MB)
    assert host.memory == MACHINE


def test_a_machine_that_is_full_is_tighter_than_a_roomy_container(host: Host) -> None:
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("", limit=7000 * MB, usage=500 * MB)
    assert host.memory == MACHINE


@pytest.mark.parametrize(
    ("group", "within"),
    [
        ("/docker/ab", "/"),  # the host's path, although only the own group is mounted as the root
        ("/../../docker/ab", "/"),  # out of the namespace's sight
        ("/", "/../.."),
        ("/docker/ab", "/docker/cd"),
    ],
)
def test_a_path_that_leads_nowhere_means_the_group_that_is_mounted(
    host: Host, group: str, within: str
) -> None:
    host.process(f"4:memory:{group}\n", V1_MOUNT.format(within=within))
    host.v1("", limit=512 * MB, usage=100 * MB)
    host.v1("/../../docker/ab", limit=64 * MB)  # somebody else's
    assert host.memory.limit_bytes == 512 * MB


def test_a_mount_point_with_a_space_is_found(host: Host) -> None:
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup/my\\040groups"))
    host.v2("/my groups", limit=512 * MB)
    assert host.memory.limit_bytes == 512 * MB


def test_a_system_without_groups_has_the_machine_alone(host: Host) -> None:
    assert host.memory == MACHINE
    assert host.container.oom_kills() is None


def test_a_limit_that_is_changed_meanwhile_is_seen(host: Host) -> None:
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("", limit=512 * MB)
    container = host.container
    host.v2("", limit=256 * MB, usage=300 * MB)
    assert container.memory().limit_bytes == 256 * MB
    assert container.memory().free_bytes == 0
    (host.root / "sys/fs/cgroup/memory.max").unlink()
    (host.root / "sys/fs/cgroup/memory.current").unlink()
    assert container.memory() == MACHINE


def test_this_machine_has_a_limit_that_we_fit_into() -> None:
    memory = Container.own().memory()
    own_bytes = psutil.Process(os.getpid()).memory_info().rss
    assert own_bytes / 4 < memory.used_bytes < memory.limit_bytes <= psutil.virtual_memory().total


def test_what_the_kernel_kills_is_told_once_with_the_limit(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.process("0::/\n", V2_MOUNT.format(within="/", at="/sys/fs/cgroup"))
    host.v2("", limit=256 * MB)
    kills = KernelKills(host.container)
    kills.check()
    assert "killed" not in capsys.readouterr().out  # those before our time are not ours to tell
    host.write("sys/fs/cgroup/memory.events", "oom_kill 5\n")
    kills.check()
    kills.check()
    told = capsys.readouterr().out
    assert told.count("the kernel has killed processes") == 1
    assert "killed=2" in told
    assert "limit_mb=256" in told
