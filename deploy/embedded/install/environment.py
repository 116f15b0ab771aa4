"""The Python environment in .venv: venv makes it, pip installs packages when the requirements have changed.

pip is used because it reads the user's settings for mirrors, proxies and certificates. Each file is checked
against the hashes in deploy/requirements. This module uses only the standard library: it runs before any
package is installed.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.embedded.install.progress import Progress, say
from deploy.embedded.processes.process import (
    INTERRUPT_S,
    ChildProcess,
    Pause,
    ProcessError,
    Program,
    run_to_end,
)
from deploy.embedded.processes.stopping import StopRequested, StopSignal

ROOT: Final = Path(__file__).resolve().parents[3]
REQUIREMENTS: Final = ROOT / "deploy" / "requirements"
# Our own client: its command `renderfleet` is then in .venv/bin.
CLIENT: Final = ROOT / "clients" / "python"

# Which installed requirements are enough for which purpose: dev.txt contains all of run.txt in the same
# versions (a test checks it).
SUFFICIENT: Final = {"run": ("run", "dev"), "dev": ("dev",)}

INSTALL_TIMEOUT_S: Final = 1800.0
REPORT_EVERY_S: Final = 5.0
INTERRUPTED: Final = 130  # the exit code of shells after Ctrl-C


class PythonEnvironment:
    """One virtual environment.

    Attributes:
        folder: of the environment; it need not exist.
        requirements: folder of the files `run.txt` and `dev.txt`.
        client: folder of the client, which is installed too; None: it is not.
        log: file for the output of venv and pip.
    """

    def __init__(
        self,
        folder: Path = ROOT / ".venv",
        requirements: Path = REQUIREMENTS,
        client: Path | None = None,
    ) -> None:
        self.folder = folder
        self.requirements = requirements
        self.client = client
        self.python = folder / "bin" / "python"
        self.log = folder / "install.log"
        self._stamp = folder / "installed-requirements"

    def is_sufficient_for(self, purpose: str) -> bool:
        """Whether the installed packages are enough for `run` or `dev`."""
        if not self._stamp.exists() or not self.python.exists():
            return False
        return self._stamp.read_text() in {self._expected(name) for name in SUFFICIENT[purpose]}

    def is_usable(self) -> bool:
        """Whether it has pip and the same minor version of Python as the Python that runs this."""
        program = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
        try:
            asked = subprocess.run([str(self.python), "-c", program], capture_output=True, check=False)
        except OSError:
            return False
        return asked.returncode == 0

    def make(self, pause: Pause) -> None:
        """Make it, with the Python that runs this. An existing one is removed.

        Raises:
            ProcessError: venv failed.
        """
        if self.folder.is_symlink() or self.folder.is_file():
            self.folder.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        # If .venv is activated, sys.executable has just been removed.
        python = getattr(sys, "_base_executable", "") or sys.executable
        command = (python, "-m", "venv", str(self.folder))
        run_to_end(self._program("python -m venv", command), timeout_s=INSTALL_TIMEOUT_S, pause=pause)

    def install(self, purpose: str, progress: Progress, pause: Pause) -> None:
        """Install a requirements file, and print the progress every few seconds.

        Raises:
            ProcessError: pip failed; the message contains the end of its output.
        """
        self._stamp.unlink(missing_ok=True)
        file = self.requirements / f"{purpose}.txt"
        command = self._pip("--require-hashes", "--progress-bar", "off", "-r", str(file))
        child = ChildProcess.start(self._program("pip install", command))
        try:
            _report_progress(child, _count_packages(file), progress, pause)
        finally:
            child.stop(INTERRUPT_S)
        if child.process.returncode != 0:
            raise ProcessError(f"pip could not install {file} ({child.end}).", child.log_excerpt())
        if self.client is not None:
            # What it needs, and what builds it, is in the requirements. Nothing is downloaded.
            options = ("--no-deps", "--no-build-isolation", "--no-index", "--editable", str(self.client))
            run_to_end(
                self._program("pip install", self._pip(*options)), timeout_s=INSTALL_TIMEOUT_S, pause=pause
            )
        self._stamp.write_text(self._expected(purpose))

    def _pip(self, *options: str) -> tuple[str, ...]:
        return (
            str(self.python),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            *options,
        )

    def _program(self, name: str, command: tuple[str, ...]) -> Program:
        return Program(name=name, command=command, log=self.log, environment=dict(os.environ))

    def _expected(self, purpose: str) -> str:
        content = (self.requirements / f"{purpose}.txt").read_bytes()
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        if self.client is not None:
            content += (self.client / "pyproject.toml").read_bytes()
        return f"{purpose}.txt {hashlib.sha256(content).hexdigest()} Python {python}\n"


def bring_up_to_date(environment: PythonEnvironment, purpose: str, progress: Progress, pause: Pause) -> None:
    """Make the environment and install packages, as far as needed. Only one `make` does this at a time.

    Raises:
        ProcessError: venv or pip failed, or another `make` has not finished in time.
    """
    if environment.is_sufficient_for(purpose):
        progress.line(f"Environment: {environment.folder.name} is up to date")
        return
    with _locked(environment.requirements, progress, pause):
        if not environment.is_usable():
            with progress.step(f"Environment: {environment.folder.name} made"):
                environment.make(pause)
        if not environment.is_sufficient_for(purpose):
            file = environment.requirements / f"{purpose}.txt"
            count = _count_packages(file)
            progress.line(
                f"Packages: installing {count} from {file.name}, pip's output is in {environment.log}"
            )
            with progress.step("Packages: installed"):
                environment.install(purpose, progress, pause)


def update(purpose: str) -> int:
    """Bring .venv up to date for `run` or `dev`, and return the exit code."""
    stop = StopSignal()
    try:
        bring_up_to_date(PythonEnvironment(client=CLIENT), purpose, Progress(), stop.pause)
    except StopRequested:
        say("Interrupted. The next make continues from here.")
        return INTERRUPTED
    except (ProcessError, OSError) as error:
        say(f"\nrenderfleet: {error}")
        return 1
    return 0


def _count_packages(file: Path) -> int:
    return len(re.findall(r"^[\w.-]+(\[.*\])?==", file.read_text(), re.MULTILINE))


def _report_progress(child: ChildProcess, total: int, progress: Progress, pause: Pause) -> None:
    next_report = time.monotonic() + REPORT_EVERY_S
    while not child.wait(0.5, pause):
        if time.monotonic() < next_report:
            continue
        next_report += REPORT_EVERY_S
        text = child.log_text()
        if "\nInstalling collected packages" in text:
            progress.line("Packages: all are downloaded, installing")
        else:
            progress.line(
                f"Packages: {len(re.findall('^Collecting ', text, re.MULTILINE))} of {total} downloaded"
            )


@contextlib.contextmanager
def _locked(folder: Path, progress: Progress, pause: Pause) -> Iterator[None]:
    """Lock a folder, so that `make run` and `make test` do not install at the same time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + INSTALL_TIMEOUT_S
        is_reported = False
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"Another make has been installing packages for {INSTALL_TIMEOUT_S:.0f} s."
                )
            if not is_reported:
                progress.line("Environment: waiting for another make that installs packages")
                is_reported = True
            pause(0.2)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
