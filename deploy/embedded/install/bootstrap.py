"""Brings .venv up to date; the first step of every target of the Makefile.

    python3 -m deploy.embedded.install.bootstrap run|dev

Python 3.6 and newer can run this file: a version that is too old gets an error message, and no traceback. The
work is done in `environment.py`, which needs a supported version.
"""

import importlib.util
import os
import signal
import subprocess
import sys

OLDEST = (3, 11)
KNOWN = ("3.14", "3.13", "3.12", "3.11")

# Needed parts of Python that are missing in some distributions and some custom builds.
NEEDED_MODULES = ("venv", "ensurepip", "ssl", "zlib", "ctypes")


def runs(python: str) -> bool:
    """Whether this Python exists and runs. Version managers put programs on PATH that only print an error."""
    try:
        asked = subprocess.Popen([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return asked.wait() == 0


def too_old(version: "tuple[int, ...]", executable: str) -> str:
    """The error message for a Python that is too old; empty if it is not."""
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
    """The error message if parts of Python's library are missing; empty if none is."""
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
    """The error message on Windows; empty on other systems."""
    if os.name == "posix":
        return ""
    return "renderfleet runs on Linux and macOS. On Windows use WSL (wsl --install)."


def first_problem() -> str:
    """The error message for the first problem that is found; empty if there is none."""
    missing = [name for name in NEEDED_MODULES if importlib.util.find_spec(name) is None]
    if not missing and importlib.util.find_spec("_ctypes") is None:
        missing = ["ctypes"]
    return too_old(sys.version_info[:3], sys.executable) or not_supported() or incomplete(missing)


def main() -> int:
    """Check this Python, then bring the environment up to date."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C while the modules load prints no traceback
    problem = first_problem()
    if problem:
        print(f"renderfleet: {problem}", file=sys.stderr)
        return 1
    from deploy.embedded.install.environment import update  # noqa: PLC0415 - an old Python cannot read it

    return update(sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
