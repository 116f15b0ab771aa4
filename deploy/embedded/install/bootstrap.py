"""Brings .venv up to date; the first step of every target of the Makefile.

    python3 -m deploy.embedded.install.bootstrap run|dev

This file is written so that Pythons from 3.6 on can read it: the older ones shall get a sentence and no
traceback. The work is in `environment.py`, which may use what the supported versions have.
"""

import importlib.util
import os
import signal
import subprocess
import sys

OLDEST = (3, 11)
KNOWN = ("3.14", "3.13", "3.12", "3.11")

# Parts that distributions or one's own builds of Python leave out, and that we need.
NEEDED_MODULES = ("venv", "ensurepip", "ssl", "zlib", "ctypes")


def runs(python: str) -> bool:
    """Whether there is such a Python; version managers leave programs on PATH that only print an error."""
    try:
        asked = subprocess.Popen([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return asked.wait() == 0


def too_old(version: "tuple[int, ...]", executable: str) -> str:
    """What to say to a Python that is too old, or nothing."""
    if version >= OLDEST:
        return ""
    fitting = [f"python{number}" for number in KNOWN if runs(f"python{number}")]
    way_out = (
        f"This machine has {fitting[0]}: add PYTHON={fitting[0]} to the make command."
        if fitting
        else "Install one, on Debian 12 for example with apt-get install python3.11 python3.11-venv, and "
        "name it if it is not python3: make run PYTHON=python3.11"
    )
    number = ".".join(str(part) for part in version)
    return f"Python 3.11 or newer is needed, but {executable} is Python {number}. {way_out}"


def incomplete(missing: "list[str]") -> str:
    """What to say when parts of Python's own library are missing, or nothing."""
    if not missing:
        return ""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if missing == ["ensurepip"] or "venv" in missing:
        return (
            "Python's venv module is missing, which makes the environment in .venv. On Debian and Ubuntu "
            f"install it with apt-get install python{minor}-venv, then run make again."
        )
    return (
        f"{sys.executable} was built without {', '.join(missing)}. Use a complete Python: name it with "
        "make run PYTHON=/usr/bin/python3, or rebuild this one with the development packages of OpenSSL, "
        "zlib and libffi installed."
    )


def not_supported() -> str:
    """What to say on Windows, or nothing."""
    if os.name == "posix":
        return ""
    return "renderfleet runs on Linux and macOS. On Windows use WSL (wsl --install)."


def first_problem() -> str:
    """Whatever keeps us from going on, in words, or nothing."""
    missing = [name for name in NEEDED_MODULES if importlib.util.find_spec(name) is None]
    if not missing and importlib.util.find_spec("_ctypes") is None:
        missing = ["ctypes"]
    return too_old(sys.version_info[:3], sys.executable) or not_supported() or incomplete(missing)


def main() -> int:
    """Check this Python, then bring the environment up to date."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C while the modules load is no traceback
    problem = first_problem()
    if problem:
        print(f"renderfleet: {problem}", file=sys.stderr)
        return 1
    from deploy.embedded.install.environment import update  # noqa: PLC0415 - only now is it known to be readable

    return update(sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
