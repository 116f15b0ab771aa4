"""The images: made of what the build may see, run by an ordinary user, no larger than their program needs."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.paths import ROOT

TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
IGNORE = (ROOT / ".dockerignore").read_text()
STAGES: dict[str, str] = dict(re.findall(r"^FROM \S+ AS (\S+)\n((?:(?!FROM ).*\n)*)", TEXT, re.MULTILINE))
BASES = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.MULTILINE)}
TARGETS = ("api", "worker", "migrate", "egress", "all")


def lines_of(target: str) -> str:
    """What the image of a target is made of: the stages that it stands on, lowest first."""
    base = BASES[target]
    return (lines_of(base) if base in STAGES else "") + STAGES[target]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_an_ordinary_user_below_a_first_process(target: str) -> None:
    lines = lines_of(target)
    assert re.findall(r"^USER (\S+)", lines, re.MULTILINE)[-1] == "10001:10001"
    assert re.findall(r"^ENTRYPOINT (.*)", lines, re.MULTILINE) == ['["/usr/bin/tini", "--"]']
    assert re.findall(r"^CMD \[", lines, re.MULTILINE) == ["CMD ["]


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "migrate"])
def test_what_goes_on_running_can_be_asked_whether_it_is_well(target: str) -> None:
    assert lines_of(target).count("HEALTHCHECK") == 1


def test_only_workers_have_a_browser() -> None:
    have = {target for target in TARGETS if "chromium-headless-shell" in lines_of(target)}
    assert have == {"worker", "all"}


def test_the_image_is_made_of_what_the_build_may_see() -> None:
    visible = re.findall(r"^!(.+)$", IGNORE, re.MULTILINE)
    copied = [
        path
        for paths in re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
        for path in paths.split()
    ]
    assert all((ROOT / path).exists() for path in copied)
    for path in copied:
        assert any(path == seen or path.startswith(f"{seen}/") for seen in visible if seen != "deploy"), path


def test_all_packages_are_checked_against_their_hashes_and_none_is_compiled() -> None:
    installs = [
        line for line in TEXT.replace("\\\n", " ").splitlines() if "pip" in line and " install " in line
    ]
    assert len(installs) == 2
    for line in installs:
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line


def test_no_line_names_a_processor() -> None:
    assert not re.search(
        r"amd64|x86|arm64|aarch|armv|TARGETARCH|--platform", TEXT.replace("for amd64 and arm64", "")
    )


def removed_packages() -> set[str]:
    """The packages that images without a browser lack."""
    (words,) = re.findall(r"uninstall --quiet --yes \\\n +(.*)\n", TEXT)
    return set(words.split())


@pytest.mark.parametrize("program", ["api", "migrations", "worker.egress", "fleet.keys", "fleet.limits"])
def test_a_program_without_a_browser_needs_no_package_that_its_image_lacks(
    program: str, tmp_path: Path
) -> None:
    removed = removed_packages()
    assert "playwright" in removed
    for package in removed:
        assert importlib.util.find_spec(package), package
    script = tmp_path / "imports.py"
    script.write_text(
        f"""
import importlib, pkgutil, sys
for package in {sorted(removed)!r}:
    sys.modules[package] = None  # importing it raises
def read(name):
    module = importlib.import_module(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        if not found.name.endswith(("__main__", ".env")) and ".versions" not in found.name:
            read(found.name)
read({program!r})
"""
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
