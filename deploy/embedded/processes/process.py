"""Child processes that end with their parent, and that are always stopped within a time limit.

On Linux every child is started as

    [unshare --user ...]  setpriv --pdeathsig SIGNAL  sh -c 'exit if the parent has ended; exec'  COMMAND

so that the kernel ends it when this process ends, also by SIGKILL. `unshare` comes first, because entering a
user namespace removes the death signal. On other systems (macOS) a child has a process group of its own that
is killed as a whole. They have no death signal: children keep running if their parent is ended by SIGKILL.
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
# Pause between two looks whether a child has ended.
POLL_S: Final = 0.02
# So many lines of a log end an error message.
TAIL_LINES: Final = 15

# A log larger than this is replaced by a new one at the next start. One old log is kept.
LOG_LIMIT_BYTES: Final = 20 * 1024 * 1024

# How long an interrupted command may clean up, for example a package installation.
INTERRUPT_S: Final = 5.0

# A Ctrl-C also ends a child that has no session of its own yet. So if a child has ended, this process first
# waits for this long: if it was a Ctrl-C, it stops as requested and does not report an error of the child.
INTERRUPTED_S: Final = 0.1

# The parent may end before the death signal is set. Then this shell has another parent, and ends here. `$0`
# is the process id of the right parent.
PARENT_IS_ALIVE: Final = 'test "$PPID" = "$0" || exit 1; exec "$@"'

# The death signal depends on the thread that forks, not on its process: it is sent when the thread ends. So
# one thread that lives as long as the process starts all children, and any thread may ask it to.
_SPAWNER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

Pause = Callable[[float], None]


class ProcessError(Exception):
    """A child could not be started, ended with an error or did not end in time; the message is for people.

    Attributes:
        summary: the same in one sentence, without the end of the log.
    """

    def __init__(self, summary: str, details: str = "") -> None:
        super().__init__(f"{summary} {details}".rstrip())
        self.summary = summary


@dataclass(frozen=True, slots=True)
class Program:
    """A program to start, and how to start and stop it.

    Attributes:
        name: for messages.
        command: the program and its arguments.
        log: file to which stdout and stderr are appended.
        environment: all variables of the child.
        output: file for stdout only, created with mode 0600; for output that contains a secret.
        unprivileged: run the child as an ordinary user if this process is root. Postgres refuses to run as
            root, and Chromium's sandbox needs an ordinary user.
        death_signal: signal that the kernel sends when the parent ends (Linux).
        stop_signal: signal that asks the program to end.
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
        """The command, after the words that make it end with this process.

        Raises:
            ProcessError: this is Linux without util-linux.
        """
        if not LINUX:
            return list(self.command)
        for tool in ("setpriv", "unshare"):
            if shutil.which(tool) is None:
                raise ProcessError(
                    f"The program {tool} is missing. It is needed so that child processes end with their "
                    "parent. Install it: on Debian and Ubuntu with apt-get install util-linux."
                )
        death = ("setpriv", "--pdeathsig", self.death_signal.name.removeprefix("SIG"), "--")
        alive = ("sh", "-c", PARENT_IS_ALIVE, str(os.getpid()))
        unshare = privileges.UNPRIVILEGED if self.unprivileged and privileges.needed() else ()
        return [*unshare, *death, *alive, *self.command]


@dataclass(slots=True)
class ChildProcess:
    """One running program. Create it with `start`, and end it with `stop` or `kill`."""

    program: Program
    process: subprocess.Popen[bytes]
    log_start: int
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, program: Program) -> "ChildProcess":
        """Start a program in a session of its own, so that a Ctrl-C on the terminal only reaches its parent.

        Raises:
            ProcessError: the program cannot be executed.
        """
        command = program.wrapped()
        program.log.parent.mkdir(parents=True, exist_ok=True)
        if program.log.exists() and program.log.stat().st_size > LOG_LIMIT_BYTES:
            program.log.replace(program.log.with_suffix(".old.log"))
        with program.log.open("ab") as log:
            # Before the start: the child shares this file's position, and may write at once.
            log_start = log.seek(0, os.SEEK_END)
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
            return cls(program, process, log_start)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet. If it has, its exit code is collected."""
        return self.process.poll() is None

    @property
    def end(self) -> str:
        """How it ended, in words: for example "ended with exit code 1"."""
        code = self.process.poll()
        if code is None:
            return "is still running"
        return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

    def wait(self, timeout_s: float, pause: Pause = time.sleep) -> bool:
        """Wait for the end. False: it is still running after `timeout_s` seconds."""
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
        """Ask it to end, wait up to `timeout_s` seconds, then kill it. True: it ended in time."""
        self.ask_to_stop()
        has_ended = self.wait(timeout_s)
        self.kill()
        return has_ended

    def kill(self) -> None:
        """End it and all processes below it with SIGKILL, and wait for the end."""
        descendants = process_tree.descendants(self.pid) if self.running else []
        if self.running:
            process_tree.send(-self.pid, signal.SIGKILL)
        for pid in descendants:
            process_tree.send(pid, signal.SIGKILL)
        self.process.wait()
        process_tree.wait_for_end(descendants)

    def log_text(self) -> str:
        """What it has written to its log since it was started; empty if the log was removed."""
        try:
            with self.program.log.open("rb") as log:
                log.seek(self.log_start)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of `log_text`, indented."""
        return "\n".join(f"    {line}" for line in self.log_text().splitlines()[-lines:])

    def log_excerpt(self) -> str:
        """The end of its log, and the path of the log, for a message."""
        if tail := self.log_tail():
            return f"The end of its log {self.program.log}:\n{tail}"
        return f"It wrote nothing to its log {self.program.log}."


def capture(
    command: Sequence[str], *, timeout_s: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a short command and collect what it writes. A Ctrl-C on the terminal does not reach it.

    Args:
        command: the program and its arguments.
        timeout_s: seconds that it may take.
        environment: all of its variables; None: those of this process.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was killed.
        OSError: the program cannot be executed.
    """
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        start_new_session=True,
        check=False,
    )


def run_to_end(program: Program, *, timeout_s: float, pause: Pause = time.sleep) -> None:
    """Run a program until it ends.

    Raises:
        ProcessError: it failed, or took longer than `timeout_s` seconds; the message contains the end of its
            log.
    """
    child = ChildProcess.start(program)
    try:
        if not child.wait(timeout_s, pause):
            raise ProcessError(f"{program.name} took longer than {timeout_s:.0f} s.", child.log_excerpt())
    finally:
        child.stop(INTERRUPT_S)
    if child.process.returncode != 0:
        pause(INTERRUPTED_S)
        raise ProcessError(f"{program.name} {child.end}.", child.log_excerpt())
