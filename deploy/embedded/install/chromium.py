"""Searches for a Chromium on this machine. If there is none, `chromium_install.py` installs one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deploy.embedded.processes.process import capture

VERSION_TIMEOUT_S: Final = 20.0

# The program itself comes before Debian's /usr/bin/chromium-headless-shell, which is a shell script: if the
# script is killed, the browser keeps running.
SYSTEM_PROGRAMS: Final = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

# Below the folder of Playwright's browsers, newest layout first. The name of the folder ends with the
# revision that this version of Playwright needs.
PLAYWRIGHT_PROGRAMS: Final = (
    "chromium_headless_shell-{revision}/*/chrome-headless-shell",
    "chromium_headless_shell-{revision}/*/headless_shell",
    "chromium-{revision}/*/chrome",
    "chromium-{revision}/*/*.app/Contents/MacOS/*",
)


class ChromiumError(Exception):
    """There is no usable Chromium; the message says what was tried and what to do."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A Chromium that runs on this machine.

    Attributes:
        origin: how it was found.
        version: its answer to `--version`.
    """

    executable: Path
    origin: str
    version: str

    def __str__(self) -> str:
        return f"{self.version} ({self.origin}: {self.executable})"


def playwright_folder() -> Path | None:
    """Folder of the installed Playwright package."""
    spec = find_spec("playwright")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def ask_version(executable: Path) -> str | None:
    """Its answer to --version; None when it does not run, for example because libraries are missing."""
    try:
        done = capture([str(executable), "--version"], timeout_s=VERSION_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the search reads of this machine; tests describe other machines."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = Path("/")
    home: Path = field(default_factory=Path.home)
    platform: str = sys.platform
    which: Callable[[str], str | None] = shutil.which
    playwright: Path | None = field(default_factory=playwright_folder)
    version: Callable[[Path], str | None] = ask_version

    def inside(self, path: str | Path) -> Path:
        """An absolute path below this machine's root."""
        return self.root / str(path).lstrip("/")

    def setting(self) -> str | None:
        """`CHROMIUM_EXECUTABLE`, with or without the prefix `RENDERFLEET_`."""
        names = ("RENDERFLEET_CHROMIUM_EXECUTABLE", "CHROMIUM_EXECUTABLE")
        return next((self.environment[name] for name in names if self.environment.get(name)), None)

    def registry(self) -> Path | None:
        """The folder of Playwright's browsers, by the rules of Playwright's `registry` source."""
        chosen = self.environment.get("PLAYWRIGHT_BROWSERS_PATH", "")
        if chosen == "0":
            return self.playwright / "driver/package/.local-browsers" if self.playwright else None
        if chosen:
            return self.inside(Path(chosen).absolute())
        cache = self.home / ("Library/Caches" if self.platform == "darwin" else ".cache")
        if self.platform != "darwin" and self.environment.get("XDG_CACHE_HOME"):
            cache = self.inside(self.environment["XDG_CACHE_HOME"])
        return cache / "ms-playwright"


def chosen_by_setting(machine: Machine) -> list[Path]:
    """The user's own choice."""
    setting = machine.setting()
    return [machine.inside(Path(setting).absolute())] if setting else []


def playwrights_own(machine: Machine) -> list[Path]:
    """Browsers that this version of Playwright has installed. An incomplete download has no marker file."""
    registry = machine.registry()
    if registry is None or machine.playwright is None:
        return []
    listed = json.loads((machine.playwright / "driver/package/browsers.json").read_text())["browsers"]
    revision = next(browser["revision"] for browser in listed if browser["name"] == "chromium-headless-shell")
    return [
        program
        for pattern in PLAYWRIGHT_PROGRAMS
        for program in sorted(registry.glob(pattern.format(revision=revision)))
        if (registry / program.relative_to(registry).parts[0] / "INSTALLATION_COMPLETE").exists()
    ]


def systems_own(machine: Machine) -> list[Path]:
    """Browsers of the system: headless shells first, because they start faster, then Chromium, then Chrome.

    Snaps are left out, because they may not read our folders.
    """
    found = []
    for name in SYSTEM_PROGRAMS:
        text = str(machine.inside(name)) if name.startswith("/") else machine.which(name)
        if text and Path(text).exists() and "/snap/" not in f"{text} {Path(text).resolve()}":
            found.append(Path(text))
    return found


# The order of the search: the first browser that runs is used.
SEARCH: Final[tuple[tuple[str, Callable[[Machine], list[Path]]], ...]] = (
    ("chosen by CHROMIUM_EXECUTABLE", chosen_by_setting),
    ("Playwright's own", playwrights_own),
    ("the system's", systems_own),
)


def find(machine: Machine | None = None) -> Chromium | None:
    """Search for a Chromium that runs. None: there is none; nothing is installed.

    Raises:
        ChromiumError: `CHROMIUM_EXECUTABLE` is set and does not run. No other browser is used then.
    """
    machine = machine or Machine()
    for origin, candidates in SEARCH:
        for executable in candidates(machine):
            if version := machine.version(executable):
                return Chromium(executable, origin, version)
            if candidates is chosen_by_setting:
                raise ChromiumError(
                    f"CHROMIUM_EXECUTABLE is {machine.setting()}, but that does not run. Try it with "
                    "--version: it may be missing, not executable, or lack libraries. If the variable is not "
                    "set, a browser is searched for."
                )
    return None
