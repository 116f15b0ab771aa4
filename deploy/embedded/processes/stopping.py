"""Ctrl-C, SIGTERM and SIGHUP as one request to stop, seen wherever the launcher waits.

A handler that raises could strike between the start of a child and the line that remembers it. So handlers
only set an event; every wait of the launcher is a `pause`, which raises `StopRequested` when it is set.
"""

import signal
import threading
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked us to stop; `args[0]` is the signal's name."""


class StopSignal:
    """The request to stop. Make one in the main thread, before the first child."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._name = ""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._name = self._name or signal.Signals(number).name
        self._event.set()

    def pause(self, seconds: float) -> None:
        """Sleep, but not longer than until somebody asks us to stop.

        Raises:
            StopRequested: somebody asked, now or earlier.
        """
        if self._event.wait(seconds):
            raise StopRequested(self._name)
