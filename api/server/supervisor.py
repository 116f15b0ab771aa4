"""The small process above the API's: it holds the listening socket and replaces the process that serves.

`python -m api` becomes this one. The standard library alone, and little of it: 6 MB, for weeks.

A successor is started when the serving process says that it is due; once it listens, the old one is told to
go. One hand-over at a time, so there are never more than two. Each child has a channel (a socket pair) to
here: bytes tell where it stands, its end tells that the process has ended, ours that we have.
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

# What children say: I listen; I have served my share.
READY: Final = b"r"
DUE: Final = b"d"
# What they are told: finish what you have and end; your successor did not start, serve on.
GO: Final = b"g"
NOT_NOW: Final = b"n"

_START_S: Final = 60.0
_RETRY_S: Final = 60.0
# Beyond the limits that a leaving process has for itself (api/server/retirement.py).
_LEAVE_S: Final = 1_200.0
_SIGNALLED: Final = 128  # how shells write that a process was ended by a signal


class _Child:
    """One process that serves, is about to, or no longer does.

    Attributes:
        channel: to it.
        deadline: by when it has to be ready or gone; None when it may take any time.
        is_due: whether it has served its share.
    """

    def __init__(self, listener: int) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            inherited = (listener, theirs.fileno())
            command = (sys.executable, "-m", "api", *map(str, inherited))
            self._process = subprocess.Popen(command, pass_fds=inherited)  # noqa: S603 - our own words
        self.deadline: float | None = None
        self.is_due = False

    def tell(self, order: bytes) -> None:
        """Send it an order; one that has just ended hears nothing, and its end is seen by itself."""
        try:
            self.channel.send(order)
        except OSError:
            self.signal(signal.SIGTERM)

    def hear(self) -> bytes:
        """What it says; nothing means that it has ended."""
        try:
            return self.channel.recv(16)
        except OSError:
            return b""

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for its end."""
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
        """Serve until SIGTERM or SIGINT (exit code 0), or until the serving process ends by itself (its)."""
        signal.set_wakeup_fd(self._waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)  # the wakeup says it
        self._serving = self._start()
        code = 0
        while self._children():
            for key, _ in self._selector.select(self._pause_s()):
                if key.fileobj is self._wakeup:
                    self._wakeup.recv(64)
                    self._stop()
                else:
                    code = self._hear(key.data) or code
            self._look_at_the_clock()
        return code

    def _hear(self, child: _Child) -> int:
        """Take in what a child says; the exit code of the whole once the serving one has ended by itself."""
        words = child.hear()
        if DUE in words:
            child.is_due = True
        if READY in words:
            child.deadline = None
            if child is self._successor:
                self._hand_over()
        return 0 if words else self._bury(child)

    def _bury(self, child: _Child) -> int:
        self._selector.unregister(child.channel)
        code = child.exit_code()
        if child is self._leaving:
            self._leaving = None
        elif child is self._successor:
            self._successor = None
            self._retry_at = time.monotonic() + _RETRY_S
            if self._serving is not None:
                self._serving.tell(NOT_NOW)
        else:
            self._serving = None
            if not self._is_stopping:
                self._stop()
                return code or 1
        return 0

    def _hand_over(self) -> None:
        self._leaving, self._serving, self._successor = self._serving, self._successor, None
        if self._leaving is not None:
            self._leaving.deadline = time.monotonic() + _LEAVE_S
            self._leaving.tell(GO)

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        for child in self._children():
            if child.deadline is not None and now > child.deadline:
                child.signal(signal.SIGKILL)
        is_due = self._serving is not None and self._serving.is_due and now >= self._retry_at
        if is_due and not (self._successor or self._leaving or self._is_stopping):
            self._successor = self._start()
            self._successor.deadline = now + _START_S

    def _pause_s(self) -> float | None:
        """How long nothing is due; None: for as long as nobody says anything."""
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
    """A handler in Python is what makes the wakeup work."""


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - children get it by name
    sys.exit(ApiSupervisor(descriptor).run())
