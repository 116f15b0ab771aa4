"""The containers: settings that exist, no password that is known, a sandbox profile that allows little."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet.setting_names import PREFIX
from fleet.vault.settings import key_from_text
from tests.kit.paths import ROOT
from tests.kit.settings import settings_classes

DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
EGRESS = (DEPLOY / "compose.egress.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROFILE: dict[str, Any] = json.loads((DEPLOY / "seccomp" / "chromium.json").read_text())

SECRET = r"[A-Z0-9_]*(?:PASSWORD|SECRET|ACCESS_KEY|AUTH|TOKEN)[A-Z0-9_]*"
CLONE_FLAGS = {  # linux/sched.h
    "NEWNS": 0x20000,
    "NEWCGROUP": 0x2000000,
    "NEWUTS": 0x4000000,
    "NEWIPC": 0x8000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
}


# Of this folder, what containers read.
MOUNTED = re.findall(r'"\./([^:"]+):[^:"]+:ro"', COMPOSE)


def private_copy(path: str, folder: Path) -> Path:
    """A file of deploy/ as a checkout under a umask of 077 has it."""
    (folder / path).parent.mkdir()
    copy = Path(shutil.copy(DEPLOY / path, folder / path))
    copy.chmod(0o600)
    return copy


def service(name: str, compose: str = COMPOSE) -> str:
    """The lines of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", compose, re.MULTILINE)
    assert found is not None
    return found[1]


def allowed(name: str) -> list[dict[str, Any]]:
    """The rules that allow a system call."""
    return [
        rule for rule in PROFILE["syscalls"] if name in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"
    ]


def is_allowed_with(name: str, flags: int) -> bool:
    """Whether the call may be made with these flags as its first argument."""
    return any((flags & argument["value"]) == 0 for rule in allowed(name) for argument in rule["args"])


def test_each_setting_named_is_a_setting() -> None:
    settings = {
        PREFIX + name.upper() for settings_class in settings_classes() for name in settings_class.model_fields
    }
    named = set(re.findall(rf"\b({PREFIX}[A-Z0-9_]+)\b[=:]", COMPOSE + EGRESS + DOCKERFILE))
    assert len(named) > 5
    assert named <= settings


def test_no_secret_has_a_value_or_a_default() -> None:
    both = COMPOSE + EGRESS
    values = re.findall(rf"^ *{SECRET}: *(.+)$", both, re.MULTILINE)
    values += re.findall(r"://\w*:(\$\{[^}]*\}|[^@\s]+)@", both)
    assert len(values) > 12
    for value in values:
        assert re.fullmatch(r"""['"]*(\$\{\w+(:\?[^}]+)?\},?)+['"]*""", value), value
    assert not re.findall(rf"\$\{{{SECRET}:?[-+=]", both)


def test_the_script_makes_every_variable_that_is_required(tmp_path: Path) -> None:
    script = shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    written = tmp_path / ".env"
    unreadable = [private_copy(path, tmp_path) for path in MOUNTED]
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert {path.stat().st_mode & 0o777 for path in unreadable} == {0o644}, "the users in containers read it"
    made = dict(line.split("=", 1) for line in written.read_text().splitlines())
    assert set(made) == set(re.findall(r"\$\{(\w+):\?", COMPOSE + EGRESS))
    assert written.stat().st_mode & 0o777 == 0o600
    del made["S3_ACCESS_KEY_ID"]  # a name
    assert len(key_from_text(made.pop("SECRET_KEYS"))) == 32
    assert len(set(made.values())) == len(made)
    for value in made.values():
        assert re.fullmatch(r"[0-9a-f]{48}", value)


def test_each_service_has_a_door_of_its_own() -> None:
    """The owner's password is for the migrations alone, and neither of the others has that of the other."""
    doors = {
        "api": {"POSTGRES_API_PASSWORD", "REDIS_API_PASSWORD"},
        "worker": {"POSTGRES_WORKER_PASSWORD", "REDIS_WORKER_PASSWORD"},
        "migrate": {"POSTGRES_PASSWORD"},
    }
    for name, own in doors.items():
        named = set(re.findall(r"\$\{((?:POSTGRES|REDIS)_\w+):\?", service(name)))
        assert named == own, name
    shared = COMPOSE.split("services:")[0]
    assert not re.findall(r"\$\{(?:POSTGRES|REDIS)_\w+", shared)


def test_with_an_egress_service_workers_have_no_internet() -> None:
    assert "networks: [workers, internet]" in service("worker")
    assert "networks: !override [workers, egress]" in service("worker", EGRESS)
    assert "networks: [egress, internet]" in service("egress", EGRESS)
    # No password of an engine, no key of a tenant.
    assert set(re.findall(r"\$\{(\w+)", service("egress", EGRESS))) == {"EGRESS_SERVICE_TOKEN"}


def networks(compose: str) -> dict[str, str]:
    """The lines of each network; a reference to another one's is replaced by what they are."""
    lines = compose.split("\nnetworks:\n")[1]
    found: dict[str, str] = dict(re.findall(r"^  (\w+):(.*\n(?:    .*\n)*)", lines, re.MULTILINE))
    named = {mark[1]: text for text in found.values() if (mark := re.match(r" &(\S+)\n", text)) is not None}
    return {name: named.get(text.removeprefix(" *").strip(), text) for name, text in found.items()}


def test_what_is_between_the_services_leads_nowhere_else() -> None:
    """Neither out nor, by the address of the bridge, to what listens on the machine itself."""
    both = networks(COMPOSE) | networks(EGRESS)
    assert set(both) == {"api", "workers", "internet", "front", "egress"}
    for name in ("api", "workers", "egress"):
        assert "internal: true" in both[name], name
        assert 'com.docker.network.bridge.inhibit_ipv4: "true"' in both[name], name


def test_files_that_containers_read_are_there() -> None:
    assert len(MOUNTED) == 2
    assert all((DEPLOY / path).is_file() for path in MOUNTED)


def test_the_script_keeps_what_is_there(tmp_path: Path) -> None:
    script = shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    (tmp_path / ".env").write_text("mine\n")
    again = subprocess.run(["sh", script], check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "already there" in again.stderr
    assert (tmp_path / ".env").read_text() == "mine\n"


def test_a_worker_has_more_time_to_stop_than_it_takes() -> None:
    lines = service("worker")
    grace = re.search(r'RENDERFLEET_SHUTDOWN_GRACE_S: "(\d+)"', lines)
    stop = re.search(r"stop_grace_period: (\d+)s", lines)
    assert grace is not None
    assert stop is not None
    assert int(stop[1]) >= int(grace[1]) + 10


def test_nothing_is_published_beyond_loopback() -> None:
    published = re.findall(r"^ *ports: *(.*)$", COMPOSE, re.MULTILINE)
    assert len(published) == 2
    assert all(ports.startswith('["127.0.0.1:') and "," not in ports for ports in published)


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
