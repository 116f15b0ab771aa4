"""What a user reads when Python is not what we need, and what the launcher makes of its settings."""

import os
import re
import subprocess
import sys

import pytest

from deploy.embedded.install import bootstrap
from deploy.embedded.settings import LaunchSettings, SettingError
from tests.kit.paths import ROOT

REQUIREMENTS = ROOT / "deploy" / "requirements"


def test_an_old_python_is_told_which_one_is_needed_and_what_to_type() -> None:
    said = bootstrap.too_old((3, 9, 18), "/usr/bin/python3")
    assert said.startswith("Python 3.11 or newer is needed, but /usr/bin/python3 is Python 3.9.18. ")
    assert "PYTHON=python3.1" in said


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1)])
def test_a_supported_python_is_told_nothing(version: tuple[int, ...]) -> None:
    assert bootstrap.too_old(version, "python3") == ""


def test_a_missing_venv_module_is_named_with_its_package() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt-get install python{version}-venv" in bootstrap.incomplete(["ensurepip"])


def test_a_python_built_without_a_library_is_told_which() -> None:
    assert "built without ssl, ctypes" in bootstrap.incomplete(["ssl", "ctypes"])


def test_this_python_is_told_nothing() -> None:
    assert bootstrap.first_problem() == ""


def test_make_lists_every_public_target() -> None:
    listed = subprocess.run(
        ["make"], cwd=ROOT, env=without_make(), capture_output=True, text=True, check=True
    )
    targets = re.findall(r"^  ([\w-]+) ", listed.stdout, re.MULTILINE)
    everyday = [
        "help",
        "run",
        "shell",
        "up",
        "down",
        "scale",
        "logs",
        "try",
        "test",
        "lint",
        "audit",
        "bench",
        "chaos",
        "soak",
        "leak-audit",
    ]
    assert targets == [*everyday, "lock", "clean"]


def without_make() -> dict[str, str]:
    """Our environment, without what an outer make tells an inner one."""
    return {
        name: text for name, text in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }


def test_a_python_that_does_not_exist_is_named() -> None:
    made = subprocess.run(
        ["make", "run", "PYTHON=python0.1"],
        cwd=ROOT,
        env=without_make(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert "there is no python0.1. Install Python 3.11 or newer" in made.stderr


def pins(name: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+(?:\[.*\])?==\S+", (REQUIREMENTS / name).read_text(), re.MULTILINE))


def test_each_requirement_file_holds_the_smaller_one_in_the_same_versions() -> None:
    assert pins("service.txt") < pins("run.txt") < pins("dev.txt")


@pytest.mark.parametrize("name", ["service.txt", "run.txt", "dev.txt"])
def test_requirement_files_hold_hashes_and_no_address(name: str) -> None:
    text = (REQUIREMENTS / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    for block in re.split(r"^(?=[\w.-]+(?:\[.*\])?==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block


def test_settings_are_read_bare_and_prefixed_and_the_prefixed_one_wins() -> None:
    settings = LaunchSettings.from_environment(
        {"API_PORT": "8001", "RENDERFLEET_API_PORT": "8002", "WORKERS": "3", "EGRESS_ALLOW": "127.0.0.1:1"}
    )
    assert (settings.api_port, settings.workers) == (8002, 3)
    assert settings.passed_on == {"RENDERFLEET_EGRESS_ALLOW": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("name", "text"), [("WORKERS", "0"), ("WORKERS", "two"), ("API_PORT", "65536"), ("API_PORT", "²")]
)
def test_a_wrong_setting_is_named_with_what_is_allowed(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is '{text}', but must be a whole number from"):
        LaunchSettings.from_environment({name: text})


def test_inherited_addresses_and_accounts_do_not_reach_the_children() -> None:
    settings = LaunchSettings.from_environment({})
    inherited = {
        "RENDERFLEET_DATABASE_URL": "postgresql://elsewhere/x",
        "RENDERFLEET_S3_PUBLIC_ENDPOINT_URL": "http://elsewhere",
        "AWS_PROFILE": "mine",
        "AWS_SESSION_TOKEN": "mine",
        "PATH": "/bin",
    }
    child = settings.child_environment(inherited, {"RENDERFLEET_DATABASE_URL": "postgresql://here/x"})
    assert child["RENDERFLEET_DATABASE_URL"] == "postgresql://here/x"
    assert child["PATH"] == "/bin"
    assert not {"RENDERFLEET_S3_PUBLIC_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"} & child.keys()


def test_receivers_of_webhooks_are_sent_to_this_api_unless_the_user_names_another_address() -> None:
    name = "RENDERFLEET_API_PUBLIC_URL"
    for given, expected in (
        ({"API_PORT": "8001"}, "http://127.0.0.1:8001"),
        ({"API_PUBLIC_URL": "https://renders.example.com"}, "https://renders.example.com"),
        ({name: "https://renders.example.com"}, "https://renders.example.com"),
    ):
        assert LaunchSettings.from_environment(given).child_environment(given, {})[name] == expected


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_the_address_is_one_that_can_be_called_from_here(host: str, address: str) -> None:
    assert LaunchSettings.from_environment({"API_HOST": host}).address == address
