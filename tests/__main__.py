"""`python -m tests [pytest's arguments]`, which is what `make test` runs.

Pytest with a temporary folder of its own, so that the suite can see what it leaves behind, and with the
Chromium that `make run` would take. As root it runs in a user namespace, because neither Chromium's sandbox
nor Postgres work for root.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.embedded.install import chromium
from deploy.embedded.processes.privileges import UNPRIVILEGED, needed

TESTS_FAILED: Final = 1  # pytest.ExitCode
ROOT: Final = Path(__file__).parents[1]
# Tests wait for processes, outages and leases: three at a time left two cores idle for a tenth of the time.
# The tests of a file stay together, with what they share. Files begin in the order
# that tests/conftest.py gives them.
SIDE_BY_SIDE: Final = ("--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
# A change that breaks something is hardly noticed by so few tests, and fails them again.
MOST_UNSTEADY: Final = 3
FAILED_BEFORE: Final = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"


def main(words: list[str]) -> int:
    """Run pytest; returns its exit code, or 1 with a sentence when there is no browser."""
    found = chromium.find()
    if found is None:
        print("renderfleet: there is no Chromium. make test installs one.", file=sys.stderr)
        return 1
    prefix = UNPRIVILEGED if needed() else ()
    with tempfile.TemporaryDirectory(prefix="renderfleet-tests-") as folder:
        for name in ("home", "scratch"):
            (Path(folder) / name).mkdir()
        # With this, each of some thousand processes would compile all its modules anew.
        inherited = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {
            **inherited,
            "HOME": f"{folder}/home",
            "TMPDIR": f"{folder}/scratch",
            # Playwright's driver is started two hundred times. So a fifth of each start is saved.
            "NODE_COMPILE_CACHE": f"{folder}/node",
            "RENDERFLEET_CHROMIUM_EXECUTABLE": str(found.executable),
        }
        command = [
            *prefix,
            sys.executable,
            "-m",
            "pytest",
            f"--basetemp={folder}/pytest",
            *SIDE_BY_SIDE,
            *words,
        ]
        code = run_to_end(command, environment)
        if code == TESTS_FAILED and os.environ.get("CI"):
            return run_failed_again(command, environment)
        return code


def run_failed_again(command: list[str], environment: dict[str, str]) -> int:
    """Run tests that failed once more, alone; the exit code of that, or 1 if they are too many for it.

    A machine of CI is shared, and a test that fails by chance would throw a whole submission away. It is
    named, so that somebody mends it.
    """
    failed: list[str] = sorted(json.loads(FAILED_BEFORE.read_text()))
    if len(failed) > MOST_UNSTEADY:
        return TESTS_FAILED
    print(f"renderfleet: {len(failed)} failed and run once more, alone", flush=True)
    code = run_to_end([*command, "--numprocesses=0", "--last-failed"], environment)
    if code == 0:
        names = "".join(f"\n  {name}" for name in failed)
        print(
            f"renderfleet: UNSTEADY, mend them: these failed beside others and passed alone:{names}",
            flush=True,
        )
    return code


def run_to_end(command: list[str], environment: dict[str, str]) -> int:
    """Run pytest; its exit code. It is never killed, because only it can end what the tests have started."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C reaches pytest too, which ends by it
    pytest = subprocess.Popen(command, cwd=ROOT, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: pytest.send_signal(signal.SIGINT))
    return pytest.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
