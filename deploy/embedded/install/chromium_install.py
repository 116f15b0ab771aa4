"""Installs a Chromium if none is found, and fonts, because without fonts pages show no text.

python -m deploy.embedded.install.chromium_install      find or install a Chromium, and print which
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.embedded.install import chromium, packages
from deploy.embedded.install.chromium import Chromium, ChromiumError
from deploy.embedded.install.progress import Note, Progress, reporting
from deploy.embedded.processes.process import Pause, ProcessError, Program, run_to_end

PLAYWRIGHT_TIMEOUT_S: Final = 600.0

PACKAGE: Final = "chromium-headless-shell"
# Playwright's Node.js needs it, and slim Debian images do not have it.
LIBRARIES: Final = ("libatomic1",)
FONTS: Final = ("fonts-liberation", "fonts-noto-color-emoji", "fonts-noto-cjk")
FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
FONT_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".pfb", ".pcf.gz"})


def _by_playwright(log: Path, pause: Pause) -> None:
    command = (sys.executable, "-m", "playwright", "install", "--only-shell", "chromium")
    # Playwright tries five times. Each time it waits for a connection for 20 s instead of 30 s.
    environment = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "20000", **os.environ}
    program = Program("playwright install", command, log, environment)
    run_to_end(program, timeout_s=PLAYWRIGHT_TIMEOUT_S, pause=pause)


def _by_package(log: Path, pause: Pause) -> None:
    packages.install((PACKAGE, *LIBRARIES, *FONTS), log=log, pause=pause)


# In this order they are tried if the search has found nothing.
INSTALLERS: Final[tuple[tuple[str, Callable[[Path, Pause], None]], ...]] = (
    ("playwright install --only-shell chromium", _by_playwright),
    (f"the package {PACKAGE}", _by_package),
)


def find_or_install(*, log: Path, tell: Note, pause: Pause = time.sleep) -> Chromium:
    """Find a Chromium that runs here, or install one: by download or as a package.

    Args:
        log: file for the installers' output.
        tell: prints one line of progress.
        pause: sleeps while an installer runs. If it raises, the installation is cancelled.

    Raises:
        ChromiumError: there is none and none can be installed; the message says what was tried and what
            to do.
    """
    if found := chromium.find():
        return found
    tried = []
    for name, install in INSTALLERS:
        tell(f"Chromium: none found, trying {name} (a minute or two)")
        try:
            install(log, reporting(pause, lambda: tell("Chromium: still installing")))
        except ProcessError as error:
            reason = error.summary
        except packages.PackageError as error:
            reason = str(error)
        else:
            reason = "It is installed, but it does not run; libraries may be missing."
        if found := chromium.find():
            return found
        tell(f"Chromium: {name} did not work. {reason}")
        tried.append(f"  - {name}: {reason}")
    raise ChromiumError(
        "There is no Chromium, and none could be installed:\n"
        + "\n".join(tried)
        + f"\n  The installers' output: {log}\n"
        "Install one yourself, on Debian and Ubuntu for example with\n"
        f"  sudo apt-get update && sudo apt-get install {PACKAGE} {' '.join(FONTS)}\n"
        "or use one that you have: make run CHROMIUM_EXECUTABLE=/path/to/chromium"
    )


def fonts_exist() -> bool:
    """Whether the machine has any font file. macOS always has fonts."""
    if sys.platform == "darwin":
        return True
    folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
    return any(path.suffix in FONT_SUFFIXES for folder in folders for path in folder.rglob("*"))


def ensure_fonts(*, log: Path, tell: Note, pause: Pause = time.sleep) -> None:
    """Install fonts if there are none. If that fails, warn: pages are rendered without text."""
    if fonts_exist():
        return
    tell(f"Fonts: none found, installing {', '.join(FONTS)}")
    try:
        packages.install(FONTS, log=log, pause=pause)
    except packages.PackageError as error:
        tell(
            f"Fonts: none could be installed, so pages will show no text. {error} Install some, on Debian "
            f"and Ubuntu for example {' '.join(FONTS)}."
        )


def main() -> int:
    """Find or install a Chromium and fonts. `make test` uses this."""
    progress = Progress()
    log = Path(sys.prefix) / "chromium-install.log"
    try:
        with progress.step("Chromium") as note:
            note(str(find_or_install(log=log, tell=progress.line)))
        ensure_fonts(log=log, tell=progress.line)
    except ChromiumError as error:
        print(f"renderfleet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
