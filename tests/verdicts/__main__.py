"""`python -m tests.verdicts`: judges some hundred labelled pages and writes the table of docs/verdict.md.

It ends with 1 if other thresholds agree better with the labels than those in use.
"""

import os
import subprocess
import sys
import tempfile
from typing import Final

from deploy.embedded.install import chromium
from deploy.embedded.processes.privileges import UNPRIVILEGED, needed
from tests.kit.paths import ROOT

_RENDERS: Final = "tests.verdicts.renders"


def main() -> int:
    """Render in a child process with the user and the Chromium that tests have; its exit code."""
    found = chromium.find()
    if found is None:
        print("renderfleet: there is no Chromium. make test installs one.", file=sys.stderr)
        return 1
    prefix = UNPRIVILEGED if needed() else ()
    with tempfile.TemporaryDirectory(prefix="renderfleet-verdicts-") as folder:
        environment = {
            **os.environ,
            "HOME": folder,
            "TMPDIR": folder,
            "RENDERFLEET_CHROMIUM_EXECUTABLE": str(found.executable),
        }
        command = [*prefix, sys.executable, "-m", _RENDERS]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
