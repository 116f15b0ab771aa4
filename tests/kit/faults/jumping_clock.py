"""`python -m tests.kit.faults.jumping_clock MODULE ARGUMENTS`: run a module whose wall clock is wrong.

It is CLOCK_WRONG_BY_S seconds fast from the beginning, and changes at a signal: SIGUSR1 sets it an hour
forward, SIGUSR2 an hour back. Only `time.time` and `time.time_ns` change: to change all clocks, the machine's
clock would have to be set. The monotonic clock does not change, as on a real machine.
"""

import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

HOUR_S = 3600


class Clock:
    """A wall clock that is `wrong_by_s` seconds fast."""

    def __init__(self) -> None:
        self.wrong_by_s = int(os.environ.get("CLOCK_WRONG_BY_S", "0"))
        self._time, self._time_ns = time.time, time.time_ns

    def time(self) -> float:
        return self._time() + self.wrong_by_s

    def time_ns(self) -> int:
        return self._time_ns() + self.wrong_by_s * 10**9

    def jump(self, seconds: int) -> None:
        self.wrong_by_s += seconds


def _replace(real: Callable[..., Any], wrong: Callable[..., Any]) -> None:
    """Put a wrong clock where modules that are loaded already have the real one, by whatever name."""
    for module in list(sys.modules.values()):
        for name, found in list(vars(module).items()):
            if found is real:
                setattr(module, name, wrong)


def main(module: str, *arguments: str) -> None:
    clock = Clock()
    _replace(time.time, clock.time)
    _replace(time.time_ns, clock.time_ns)
    signal.signal(signal.SIGUSR1, lambda *_: clock.jump(HOUR_S))
    signal.signal(signal.SIGUSR2, lambda *_: clock.jump(-HOUR_S))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
