"""`python -m tests.kit.docs.zsh_install`: the second shell in which the commands of the documents are tried.

Only these tests need it. If it cannot be installed, this prints one line, and its tests are skipped.
"""

import shutil
import sys
from pathlib import Path

from deploy.embedded.install import packages
from deploy.embedded.install.packages import PackageError
from deploy.embedded.install.progress import say


def main() -> None:
    """Install the distribution's package unless there is a zsh."""
    if shutil.which("zsh"):
        return
    say("zsh: none found, installing the package, for the tests of the documents")
    try:
        packages.install(("zsh",), log=Path(sys.prefix) / "zsh-install.log")
    except PackageError as error:
        say(f"zsh: not installed. {error} The commands of the documents are tried in sh alone.")


if __name__ == "__main__":
    main()
