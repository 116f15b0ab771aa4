"""Freezes the threads of a process without stopping it: for everybody else it lives, and does nothing.

A debugger does the same: the threads are seized and interrupted (ptrace(2)). They go on when the block ends.
"""

import asyncio
import ctypes
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

# linux/ptrace.h, linux/wait.h
_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_WALL: Final = 0x40000000


class _Debugger(threading.Thread):
    """A thread that has frozen those of a process. They belong to it alone, and go on when it ends.

    It is a thread of this process, because many systems let a process debug only what it has started (Yama).
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._is_over = threading.Event()
        self._has_frozen = threading.Event()
        self._error: OSError | None = None

    def run(self) -> None:
        try:
            self._freeze()
        except OSError as error:
            self._error = error
        self._has_frozen.set()
        self._is_over.wait()

    def freeze(self) -> None:
        """Return when the threads are frozen."""
        self.start()
        self._has_frozen.wait()
        if self._error is not None:
            raise self._error

    def let_go(self) -> None:
        self._is_over.set()
        self.join()

    def _freeze(self) -> None:
        # The first thread is left alone: its state is that of the process, which is not to look stopped.
        threads = [int(path.name) for path in Path(f"/proc/{self._pid}/task").iterdir()]
        for thread in threads:
            if thread != self._pid:
                _ptrace(_SEIZE, thread)
                _ptrace(_INTERRUPT, thread)
                os.waitpid(thread, _WALL)


def _ptrace(request: int, thread: int) -> None:
    if ctypes.CDLL(None, use_errno=True).ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@asynccontextmanager
async def frozen_threads(pid: int) -> AsyncIterator[None]:
    """Freeze all threads of a process but its first for as long as the block runs.

    Args:
        pid: of a process that this one, or one that it has started, has started.

    Raises:
        OSError: this system lets nobody do it.
    """
    debugger = _Debugger(pid)
    try:
        await asyncio.to_thread(debugger.freeze)
        yield
    finally:
        await asyncio.to_thread(debugger.let_go)
