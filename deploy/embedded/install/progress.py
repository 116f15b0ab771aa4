"""Prints one line for each step of a start or an installation, with the time since the beginning."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

Note = Callable[[str], None]

REPORT_EVERY_S: Final = 10.0


def say(text: str) -> None:
    """Print a line at once. If the pipe or terminal was closed, print nothing from now on."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays open to the end


def reporting(pause: Callable[[float], None], tell: Callable[[], None]) -> Callable[[float], None]:
    """Make a `pause` that also calls `tell` every ten seconds, so that the user sees that nothing hangs."""
    due = time.monotonic() + REPORT_EVERY_S

    def pause_and_report(seconds: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due += REPORT_EVERY_S
            tell()
        pause(seconds)

    return pause_and_report


class Progress:
    """Prints `[ 1.2 s] Postgres ... 127.0.0.1:5432`; time counts from the creation of the object."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the object was created."""
        return time.monotonic() - self._start

    def line(self, text: str) -> None:
        """Print one line that begins with the time."""
        say(f"[{self.elapsed_s:5.1f} s] {text}")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """Print at the end of a step how long it took; print nothing when it fails.

        Yields:
            A function that adds words to that line, for example which browser was found.
        """
        began = time.monotonic()
        notes: list[str] = []
        yield notes.append
        took = time.monotonic() - began
        self.line(f"{title}: {', '.join([*notes, f'{took:.1f} s'])}")
