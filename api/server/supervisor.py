"""A small parent process of the API: it holds the listening socket, and replaces the process that serves.

`python -m api` becomes this process. It uses only a small part of the standard library, so it needs only 6 MB
of memory, even after weeks.

When the serving process reports that it is due, a successor is started. When the successor listens, the old
process is told to leave. There is only one replacement at a time, so there are never more than two processes.
Each child has a channel to the parent (a socket pair), for the messages below. If one end is closed, its
process has ended.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Final

# Messages of a child: it listens; it has served its share of requests.
READY: Final = b"r"
DUE: Final = b"d"
# Messages to a child: finish the open calls and end; the successor did not start, so continue to serve.
LEAVE: Final = b"g"
SERVE_ON: Final = b"n"

_START_TIMEOUT_S: Final = 60.0
_RETRY_S: Final = 60.0
# Longer than the time limits that a leaving process sets itself (api/server/retirement.py).
_LEAVE_TIMEOUT_S: Final = 1_200.0
_SIGNALLED: Final = 128  # how shells write that a process was ended by a signal


class _Child:
    """One API process: it is starting, serving or leaving.

    Attributes:
        channel: the parent's end of the channel.
        deadline: when it must be ready, or must have ended; None: no limit.
        is_due: whether it has served its share of requests.
    """

    def __init__(self, listener: int) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            inherited = (listener, theirs.fileno())
            command = (sys.executable, "-m", "api", *map(str, inherited))
            self._process = subprocess.Popen(command, pass_fds=inherited)  # noqa: S603 - our own words
        self.deadline: float | None = None
        self.is_due = False

    def send(self, order: bytes) -> None:
        """Send it a message. If it has just ended, the end of the channel shows that later."""
        try:
            self.channel.send(order)
        except OSError:
            self.signal(signal.SIGTERM)

    def read_messages(self) -> bytes:
        """Read its messages; empty: it has ended."""
        try:
            return self.channel.recv(16)
        except OSError:
            return b""

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for its end, and return its exit code."""
        self.channel.close()
        code = self._process.wait()
        return code if code >= 0 else _SIGNALLED - code


class ApiSupervisor:
    """All processes of one API, and the socket that they listen on."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._wakeup, waker = socket.socketpair()
        waker.setblocking(False)  # noqa: FBT003 - its only parameter
        self._waker = waker
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._retry_at = 0.0
        self._is_stopping = False
        self._serving: _Child | None = None
        self._successor: _Child | None = None
        self._leaving: _Child | None = None

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until the serving process ends by itself.

        Returns:
            The exit code: 0 after a signal, otherwise that of the serving process.
        """
        signal.set_wakeup_fd(self._waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)  # the signal is read from the wakeup socket
        self._serving = self._start()
        code = 0
        while self._children():
            for key, _ in self._selector.select(self._pause_s()):
                if key.fileobj is self._wakeup:
                    self._wakeup.recv(64)
                    self._stop()
                else:
                    code = self._read_messages(key.data) or code
            self._check_deadlines()
        return code

    def _read_messages(self, child: _Child) -> int:
        """Read the messages of a child. Returns an exit code if the serving process has ended by itself."""
        messages = child.read_messages()
        if DUE in messages:
            child.is_due = True
        if READY in messages:
            child.deadline = None
            if child is self._successor:
                self._hand_over()
        return 0 if messages else self._forget_ended(child)

    def _forget_ended(self, child: _Child) -> int:
        self._selector.unregister(child.channel)
        code = child.exit_code()
        if child is self._leaving:
            self._leaving = None
        elif child is self._successor:
            self._successor = None
            self._retry_at = time.monotonic() + _RETRY_S
            if self._serving is not None:
                self._serving.send(SERVE_ON)
        else:
            self._serving = None
            if not self._is_stopping:
                self._stop()
                return code or 1
        return 0

    def _hand_over(self) -> None:
        self._leaving, self._serving, self._successor = self._serving, self._successor, None
        if self._leaving is not None:
            self._leaving.deadline = time.monotonic() + _LEAVE_TIMEOUT_S
            self._leaving.send(LEAVE)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for child in self._children():
            if child.deadline is not None and now > child.deadline:
                child.signal(signal.SIGKILL)
        is_due = self._serving is not None and self._serving.is_due and now >= self._retry_at
        if is_due and not (self._successor or self._leaving or self._is_stopping):
            self._successor = self._start()
            self._successor.deadline = now + _START_TIMEOUT_S

    def _pause_s(self) -> float | None:
        """Seconds until something has to be done; None: nothing before the next message."""
        times = [child.deadline for child in self._children() if child.deadline is not None]
        if self._serving is not None and self._serving.is_due and not (self._successor or self._leaving):
            times.append(self._retry_at)
        return max(0.0, min(times) - time.monotonic()) + 0.01 if times else None

    def _stop(self) -> None:
        self._is_stopping = True
        for child in self._children():
            child.signal(signal.SIGTERM)

    def _start(self) -> _Child:
        child = _Child(self._listener)
        self._selector.register(child.channel, selectors.EVENT_READ, child)
        return child

    def _children(self) -> list[_Child]:
        return [child for child in (self._serving, self._successor, self._leaving) if child is not None]


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing. Python writes to the wakeup socket only for signals that have a Python handler."""


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - children get it by name
    sys.exit(ApiSupervisor(descriptor).run())
