"""`python -m tests.gallery [option ...]`: renders the gallery and writes docs/gallery.md.

It ends with 1 if an option shows no difference between off and on.
"""

import os
import subprocess
import sys
import tempfile
from typing import Final

from deploy.embedded.install import chromium
from deploy.embedded.processes.privileges import UNPRIVILEGED, needed
from tests.gallery.entries.groups import ENTRIES
from tests.kit.paths import ROOT

_RENDERS: Final = "tests.gallery.renders"


def main(words: list[str]) -> int:
    """Render in a child process with the user and the Chromium that tests have; its exit code."""
    found = chromium.find()
    if found is None:
        print("renderfleet: there is no Chromium. make test installs one.", file=sys.stderr)
        return 1
    if unknown := set(words) - {entry.option for entry in ENTRIES}:
        print(f"not in the gallery: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    prefix = UNPRIVILEGED if needed() else ()
    with tempfile.TemporaryDirectory(prefix="renderfleet-gallery-") as folder:
        environment = {
            **os.environ,
            "HOME": folder,
            "TMPDIR": folder,
            "RENDERFLEET_CHROMIUM_EXECUTABLE": str(found.executable),
        }
        command = [*prefix, sys.executable, "-m", _RENDERS, *words]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
