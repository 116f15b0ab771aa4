"""`make shell`: a terminal for the fleet that `make run` runs.

In it `renderfleet` and the administrators' commands (`python -m fleet.keys`, `python -m worker` and others)
find the fleet by themselves: `make run` has written the variables into a file that exists while it runs.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.embedded.data_dir import write_private
from deploy.embedded.install.progress import say
from deploy.embedded.settings import LaunchSettings, SettingError

FILE: Final = "shell-environment"
# What an outer make tells an inner one is not for the person at the terminal.
_OF_MAKE: Final = ("MAKE", "MFLAGS")
_TEXT: Final = """\
This terminal knows the fleet at {url}. Try:

  renderfleet shot https://example.com -o example.png
  renderfleet doctor
  python -m fleet.keys list

Ctrl-D ends it; the fleet goes on."""


class NoFleetError(Exception):
    """No `make run` uses this folder; the message says what to do."""


def write_environment(folder: Path, variables: Mapping[str, str]) -> Path:
    """Write the file for `make shell`; returns its path.

    Args:
        folder: the data folder of the fleet.
        variables: with which commands find the fleet; some of them are secret.
    """
    path = folder / FILE
    write_private(path, json.dumps(dict(variables)))
    return path


def environment_of(folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of the terminal.

    Args:
        folder: the data folder of the fleet.
        inherited: those of this process.

    Raises:
        NoFleetError: no fleet runs there.
    """
    try:
        variables = json.loads((folder / FILE).read_text())
    except OSError:
        raise NoFleetError(
            f"no `make run` is running with its data in {folder}. Start it in another terminal; DATA_DIR "
            "names another folder: make shell DATA_DIR=/tmp/second"
        ) from None
    kept = {name: text for name, text in inherited.items() if not name.startswith(_OF_MAKE)}
    programs = Path(sys.executable).parent  # of .venv: python, renderfleet
    return {**kept, **variables, "PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"}


def main() -> str | None:
    """Become the user's shell. Returns only if that is not possible: the reason."""
    try:
        settings = LaunchSettings.from_environment(os.environ)
        environment = environment_of(settings.data_dir, os.environ)
    except (NoFleetError, SettingError) as error:
        return f"renderfleet: {error}"
    if sys.stdin.isatty():
        say(_TEXT.format(url=environment["RENDERFLEET_URL"]))
    shell = environment.get("SHELL") or "/bin/sh"
    return os.execvpe(shell, [shell], environment)  # noqa: S606 - it is the shell


if __name__ == "__main__":
    sys.exit(main())
