"""Child processes that cannot outlive their parent and that are always stopped within a bound.

On Linux every child is started as

    [unshare --user ...]  setpriv --pdeathsig SIGNAL  sh -c 'is the parent still there? exec'  COMMAND

so that the kernel itself ends it when this process is gone, even by SIGKILL. `unshare` comes first because
entering a user namespace clears the death signal. Elsewhere (macOS) a child has a process group of its own,
which is killed as a whole; there a SIGKILL of the parent leaves the children, for want of such a signal.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.embedded.processes import privileges, process_tree

LINUX: Final = sys.platform == "linux"
POLL_S: Final = 0.02
TAIL_LINES: Final = 15

# A log that has grown beyond this makes way for a new one at the next start; one old one is kept.
LOG_LIMIT_BYTES: Final = 20 * 1024 * 1024

# What an interrupted command may take to clean up after itself, for example a package installation.
INTERRUPT_S: Final = 5.0

# A Ctrl-C reaches a child too that has no session of its own yet, and ends it. Whoever finds a child dead
# waits for so long whether somebody asked for that, before blaming the child.
INTERRUPTED_S: Final = 0.1

# The parent may die before the death signal is set. Then this shell has another parent, and ends here.
PARENT_IS_ALIVE: Final = 'test "$PPID" = "$0" || exit 1; exec "$@"'

# The death signal is tied to the thread that forks, not to the process: all children come from one thread
# that lives as long as the process, so that callers may start a child from wherever they are.
_SPAWNER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

Pause = Callable[[float], None]


class ProcessError(Exception):
    """A child could not be started, ended with an error or did not end in time; the text is for people.

    Attributes:
        summary: the same in one sentence, without the end of the log.
    """

    def __init__(self, summary: str, details: str = "") -> None:
        super().__init__(f"{summary} {details}".rstrip())
        self.summary = summary


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, and how it wants to be treated.

    Attributes:
        name: what messages call it.
        command: arguments, the program first.
        log: file that stdout and stderr are appended to.
        environment: the whole environment of the child.
        output: file that receives stdout alone, created with mode 0600; for output that holds a secret.
        unprivileged: when this process is root, show the child an unprivileged user id instead. Postgres
            refuses root, and Chromium's sandbox needs an ordinary user.
        death_signal: what the kernel sends when the parent is gone (Linux).
        stop_signal: what asks the program to end.
        inherited: file descriptors that stay open in the child.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    output: Path | None = None
    unprivileged: bool = False
    death_signal: signal.Signals = signal.SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    inherited: tuple[int, ...] = ()

    def wrapped(self) -> list[str]:
        """The command with what binds its life to ours in front of it.

        Raises:
            ProcessError: Linux without util-linux.
        """
        if not LINUX:
            return list(self.command)
        for tool in ("setpriv", "unshare"):
            if shutil.which(tool) is None:
                raise ProcessError(
                    f"The program {tool} is missing, which ends children together with their parent. "
                    "Install it: on Debian and Ubuntu with apt-get install util-linux."
                )
        death = ("setpriv", "--pdeathsig", self.death_signal.name.removeprefix("SIG"), "--")
        alive = ("sh", "-c", PARENT_IS_ALIVE, str(os.getpid()))
        unshare = privileges.UNPRIVILEGED if self.unprivileged and privileges.needed() else ()
        return [*unshare, *death, *alive, *self.command]


@dataclass(slots=True)
class Child:
    """One running program. Make it with `Child.start`; every end of it goes through `stop` or `kill`."""

    program: Program
    process: subprocess.Popen[bytes]
    log_start: int
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, program: Program) -> "Child":
        """Start a program in a session of its own, so that a Ctrl-C on the terminal reaches only its parent.

        Raises:
            ProcessError: the program cannot be executed.
        """
        command = program.wrapped()
        program.log.parent.mkdir(parents=True, exist_ok=True)
        if program.log.exists() and program.log.stat().st_size > LOG_LIMIT_BYTES:
            program.log.replace(program.log.with_suffix(".old.log"))
        with program.log.open("ab") as log:
            output = (
                os.open(program.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                if program.output
                else None
            )
            try:
                process = _SPAWNER.submit(
                    subprocess.Popen[bytes],
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log if output is None else output,
                    stderr=log,
                    env=dict(program.environment),
                    start_new_session=True,
                    pass_fds=program.inherited,
                ).result()
            except OSError as error:
                raise ProcessError(f"{program.name} cannot be started: {error}.") from error
            finally:
                if output is not None:
                    os.close(output)
            return cls(program, process, log.tell())

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet; reaps it when it has."""
        return self.process.poll() is None

    @property
    def end(self) -> str:
        """How it ended, in words."""
        code = self.process.poll()
        if code is None:
            return "is still running"
        return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

    def wait(self, timeout_s: float, pause: Pause = time.sleep) -> bool:
        """Wait for the end; False when it is still running after `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while self.running:
            if time.monotonic() >= deadline:
                return False
            pause(POLL_S)
        return True

    def ask_to_stop(self) -> None:
        """Send the program's stop signal and return at once."""
        if self.running:
            process_tree.send(self.pid, self.program.stop_signal)

    def stop(self, timeout_s: float) -> bool:
        """Ask it to end, wait `timeout_s` seconds, then kill it. True when it ended by itself."""
        self.ask_to_stop()
        orderly = self.wait(timeout_s)
        self.kill()
        return orderly

    def kill(self) -> None:
        """End it and its descendants at once with SIGKILL, and reap it. Nothing happens if it has ended."""
        family = process_tree.descendants(self.pid) if self.running else []
        if self.running:
            process_tree.send(-self.pid, signal.SIGKILL)
        for pid in family:
            process_tree.send(pid, signal.SIGKILL)
        self.process.wait()
        process_tree.wait_for_end(family)

    def log_text(self) -> str:
        """What it wrote to its log since it was started; nothing when somebody has removed the log."""
        try:
            with self.program.log.open("rb") as log:
                log.seek(self.log_start)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of that, indented."""
        return "\n".join(f"    {line}" for line in self.log_text().splitlines()[-lines:])

    def last_words(self) -> str:
        """The end of its log and where the rest is, for a message."""
        if tail := self.log_tail():
            return f"The end of its log {self.program.log}:\n{tail}"
        return f"It wrote nothing to its log {self.program.log}."


def run_to_end(program: Program, *, timeout_s: float, pause: Pause = time.sleep) -> None:
    """Run a program that ends by itself.

    Raises:
        ProcessError: it failed, or took longer than `timeout_s` seconds; the message ends with its last
            words.
    """
    child = Child.start(program)
    try:
        if not child.wait(timeout_s, pause):
            raise ProcessError(f"{program.name} took longer than {timeout_s:.0f} s.", child.last_words())
    finally:
        child.stop(INTERRUPT_S)
    if child.process.returncode != 0:
        pause(INTERRUPTED_S)
        raise ProcessError(f"{program.name} {child.end}.", child.last_words())
