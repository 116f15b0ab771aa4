"""`python -m tests.kit.programs_install`: programs of the distribution that only some tests need.

If one cannot be installed, this prints one line, and its tests are skipped.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from deploy.embedded.install import packages
from deploy.embedded.install.packages import PackageError
from deploy.embedded.install.progress import say


class Use(NamedTuple):
    """What a program is for, and what is not tested without it."""

    purpose: str
    without: str


PROGRAMS: Final[Mapping[str, Use]] = {
    "zsh": Use("the tests of the documents", "The commands of the documents are tried in sh alone."),
    "pgbouncer": Use("the test of a pooler before Postgres", "The pooler is not tested."),
}
# Where Debian has programs that are not for ordinary users.
_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"


def main() -> None:
    """Install the package of the same name for each program that is missing."""
    for name, use in PROGRAMS.items():
        if shutil.which(name) or shutil.which(name, path=_PATH):
            continue
        say(f"{name}: none found, installing the package, for {use.purpose}")
        try:
            packages.install((name,), log=Path(sys.prefix) / f"{name}-install.log")
        except PackageError as error:
            say(f"{name}: not installed. {error} {use.without}")


if __name__ == "__main__":
    main()
