"""Handles Ctrl-C, SIGTERM and SIGHUP as a request to stop.

A signal handler that raises could interrupt the code after the start of a child and before the child is
stored. So the handlers only set an event. Wherever the launcher waits it calls `pause`, which raises
`StopRequested` when the event is set.
"""

import signal
import threading
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """This process was asked to stop; `args[0]` is the name of the signal."""


class StopSignal:
    """The request to stop. Create it in the main thread, before the first child is started."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._name = ""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._name = self._name or signal.Signals(number).name
        self._event.set()

    def pause(self, seconds: float) -> None:
        """Sleep, but only until this process is asked to stop.

        Raises:
            StopRequested: it was asked to stop, now or earlier.
        """
        if self._event.wait(seconds):
            raise StopRequested(self._name)
