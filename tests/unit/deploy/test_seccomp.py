"""The sandbox profile of the workers allows what Chromium's sandbox needs, and little else."""

import json
from typing import Any

import pytest

from tests.kit.paths import ROOT

PROFILE: dict[str, Any] = json.loads((ROOT / "deploy" / "seccomp" / "chromium.json").read_text())
CLONE_FLAGS = {  # linux/sched.h
    "NEWNS": 0x20000,
    "NEWCGROUP": 0x2000000,
    "NEWUTS": 0x4000000,
    "NEWIPC": 0x8000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
}


def allowed(name: str) -> list[dict[str, Any]]:
    """The rules that allow a system call."""
    return [
        rule for rule in PROFILE["syscalls"] if name in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"
    ]


def is_allowed_with(name: str, flags: int) -> bool:
    """Whether the call may be made with these flags as its first argument."""
    return any((flags & argument["value"]) == 0 for rule in allowed(name) for argument in rule["args"])


def test_the_profile_refuses_what_it_does_not_name() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}
    names = [name for rule in PROFILE["syscalls"] for name in rule["names"] if not rule.get("args")]
    assert len(set(names)) == len(names)


REFUSED = [
    "bpf",
    "clone3",
    "io_uring_setup",
    "keyctl",
    "mount",
    "move_mount",
    "ptrace",
    "setns",
    "userfaultfd",
]


@pytest.mark.parametrize("name", REFUSED)
def test_the_profile_does_not_allow(name: str) -> None:
    assert not allowed(name)


@pytest.mark.parametrize(
    ("call", "possible"), [("clone", {"NEWUSER", "NEWPID", "NEWNET"}), ("unshare", {"NEWUSER"})]
)
def test_the_profile_allows_only_the_namespaces_of_chromiums_sandbox(call: str, possible: set[str]) -> None:
    assert {name for name, flag in CLONE_FLAGS.items() if is_allowed_with(call, flag)} == possible


def test_the_profile_allows_only_the_sockets_in_use() -> None:
    families = [rule["args"][0] for rule in allowed("socket")]
    assert {argument["op"] for argument in families} == {"SCMP_CMP_EQ"}
    assert {argument["value"] for argument in families} == {1, 2, 10, 16}  # unix, inet, inet6, netlink
