"""Which Chromium is taken, on machines that are described rather than found."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from deploy.embedded.install.chromium import ChromiumError, Machine, find, playwrights_own

REVISION = "1255"

SHELL = (
    ".cache/ms-playwright/chromium_headless_shell-1255/chrome-headless-shell-linux64/chrome-headless-shell"
)
OLD_SHELL = ".cache/ms-playwright/chromium_headless_shell-1255/chrome-linux/headless_shell"
FULL = ".cache/ms-playwright/chromium-1255/chrome-linux64/chrome"

# Everything at once, in the order in which it is to be taken.
ORDER = (
    ("opt/my-chromium", "chosen by CHROMIUM_EXECUTABLE"),
    (f"home/{SHELL}", "Playwright's own"),
    (f"home/{OLD_SHELL}", "Playwright's own"),
    (f"home/{FULL}", "Playwright's own"),
    ("usr/lib/chromium/chromium-headless-shell", "the system's"),
    ("usr/bin/chromium-headless-shell", "the system's"),
    ("usr/bin/chrome-headless-shell", "the system's"),
    ("usr/lib/chromium/chromium", "the system's"),
    ("usr/bin/chromium", "the system's"),
    ("usr/bin/chromium-browser", "the system's"),
    ("usr/bin/google-chrome-stable", "the system's"),
    ("usr/bin/google-chrome", "the system's"),
)


@dataclass
class Disk:
    """A machine's files below a temporary folder."""

    root: Path
    broken: set[Path] = field(default_factory=set)

    def add(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            if "ms-playwright" in name:
                (path.parents[1] / "INSTALLATION_COMPLETE").touch()

    def machine(self, **environment: str) -> Machine:
        return Machine(
            environment=environment,
            root=self.root,
            home=self.root / "home",
            platform="linux",
            which=self._which,
            playwright=self.root / "playwright",
            version=lambda path: None if path in self.broken else "Chromium 1.2.3",
        )

    def _which(self, name: str) -> str | None:
        path = self.root / "usr/bin" / name
        return str(path) if path.exists() else None


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    package = tmp_path / "playwright" / "driver" / "package"
    package.mkdir(parents=True)
    browsers = [
        {"name": "chromium", "revision": "9"},
        {"name": "chromium-headless-shell", "revision": REVISION},
    ]
    (package / "browsers.json").write_text(json.dumps({"browsers": browsers}))
    return Disk(tmp_path)


def taken(machine: Machine) -> tuple[str, str] | None:
    found = find(machine)
    return (str(found.executable.relative_to(machine.root)), found.origin) if found else None


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_what_comes_first_in_the_order_is_taken(disk: Disk, first: int) -> None:
    there: Iterable[str] = [name for name, _ in ORDER[first:]]
    disk.add(*there)
    environment = {"CHROMIUM_EXECUTABLE": "/opt/my-chromium"} if first == 0 else {}
    assert taken(disk.machine(**environment)) == ORDER[first]


def test_a_machine_without_any_has_none(disk: Disk) -> None:
    assert find(disk.machine()) is None


def test_one_that_does_not_run_is_passed_over(disk: Disk) -> None:
    disk.add(f"home/{SHELL}", "usr/bin/chromium")
    disk.broken.add(disk.root / "home" / SHELL)
    assert taken(disk.machine()) == ("usr/bin/chromium", "the system's")


def test_a_choice_that_does_not_run_is_an_error_and_not_replaced(disk: Disk) -> None:
    disk.add("usr/bin/chromium", "opt/other")
    disk.broken.add(disk.root / "opt/other")
    with pytest.raises(ChromiumError, match="CHROMIUM_EXECUTABLE is /opt/other, but that does not run"):
        find(disk.machine(CHROMIUM_EXECUTABLE="/opt/other"))


def test_the_prefixed_choice_wins(disk: Disk) -> None:
    disk.add("opt/bare", "opt/prefixed")
    machine = disk.machine(CHROMIUM_EXECUTABLE="/opt/bare", RENDERFLEET_CHROMIUM_EXECUTABLE="/opt/prefixed")
    assert taken(machine) == ("opt/prefixed", "chosen by CHROMIUM_EXECUTABLE")


def test_an_unfinished_download_of_playwright_is_passed_over(disk: Disk) -> None:
    disk.add(f"home/{SHELL}")
    (disk.root / "home" / SHELL).parents[1].joinpath("INSTALLATION_COMPLETE").unlink()
    assert find(disk.machine()) is None


def test_a_browser_of_another_playwright_is_passed_over(disk: Disk) -> None:
    disk.add(f"home/{SHELL}".replace(REVISION, "1000"))
    assert find(disk.machine()) is None


@pytest.mark.parametrize("variable", ["PLAYWRIGHT_BROWSERS_PATH", "XDG_CACHE_HOME"])
def test_playwrights_folder_can_be_moved(disk: Disk, variable: str) -> None:
    moved = SHELL.replace(
        ".cache/ms-playwright", "moved" if variable.startswith("P") else "moved/ms-playwright"
    )
    disk.add(moved)
    marker = disk.root / "/".join(moved.split("/")[:-2]) / "INSTALLATION_COMPLETE"
    marker.touch()
    assert taken(disk.machine(**{variable: "/moved"})) == (moved, "Playwright's own")


def test_a_snap_is_left_out(disk: Disk) -> None:
    disk.add("snap/bin/chromium")
    (disk.root / "usr/bin").mkdir(parents=True)
    (disk.root / "usr/bin/chromium").symlink_to(disk.root / "snap/bin/chromium")
    assert find(disk.machine()) is None


def test_a_machine_without_playwright_can_still_have_one(disk: Disk) -> None:
    disk.add("usr/bin/chromium")
    assert taken(replace(disk.machine(), playwright=None)) == ("usr/bin/chromium", "the system's")


def test_the_installed_playwright_names_its_revision_where_we_look() -> None:
    for program in playwrights_own(Machine()):
        assert program.exists()
