"""One line for each step on the way, with the time since the start, for the person who waits."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

Note = Callable[[str], None]

PATIENCE_S: Final = 10.0


def say(text: str) -> None:
    """Print at once. When nobody reads any more (closed pipe or terminal), go on silently."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays open to the end


def patient(pause: Callable[[float], None], tell: Callable[[], None]) -> Callable[[float], None]:
    """The same `pause`, but every ten seconds of it something is told: the wait is long, nothing hangs."""
    due = time.monotonic() + PATIENCE_S

    def telling(seconds: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due += PATIENCE_S
            tell()
        pause(seconds)

    return telling


class Progress:
    """Prints `[ 1.2 s] Postgres ... 127.0.0.1:5432`; time counts from the creation of the object."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the creation."""
        return time.monotonic() - self._start

    def line(self, text: str) -> None:
        """Print one line with the time in front."""
        say(f"[{self.elapsed_s:5.1f} s] {text}")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """Say at the end of a step that it worked and how long it took; say nothing when it fails.

        Yields:
            A function that takes the words for the end of the step: what was taken, where it listens.
        """
        began = time.monotonic()
        notes: list[str] = []
        yield notes.append
        took = time.monotonic() - began
        self.line(f"{title}: {', '.join([*notes, f'{took:.1f} s'])}")
