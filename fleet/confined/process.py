"""A process that a helper has forked, as the worker sees it: takes work, gives results, says how it ended."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from dataclasses import asdict
from signal import SIGALRM, SIGXCPU
from typing import Any, Final

from fleet.confined.child import EXIT_LIMITS, EXIT_REFUSED, LENGTH_BYTES
from fleet.confined.limits import BrokenProgramError, Limit, LimitPassedError, Limits, RefusedWorkError

# A child that does not end in time ends itself. It takes longer only if the helper or the machine hangs.
_LATE_S: Final = 60.0
_END_S: Final = 5.0
_SIGNALS: Final = {-SIGALRM: Limit.TIME, -SIGXCPU: Limit.CPU}
_READ_BYTES: Final = 256 * 1024
_MAX_REPORT_BYTES: Final = 64 * 1024


class Process:
    """Does one run, or some after each other. Between two runs it belongs to no event loop.

    Attributes:
        runs: how many it has begun.
    """

    def __init__(self, work: socket.socket, report: socket.socket) -> None:
        """Take over both sockets.

        Args:
            work: what the process reads its work from and writes its results to.
            report: what it reports its end to.
        """
        self._work, self._report = work, report
        for one in (work, report):
            one.setblocking(False)  # noqa: FBT003 - it has no name
        self.runs = 0

    async def run(self, data: bytes, arguments: Sequence[str], limits: Limits, *, is_last: bool) -> bytes:
        """The result of one run. The process has ended afterwards if this was the last, or if it raises.

        Raises:
            ConfinedError: see `ConfinedProgram.run`.
        """
        self.runs += 1
        head = {"arguments": arguments, "data_bytes": len(data), **asdict(limits)}
        report_read = asyncio.create_task(self._read_report())
        is_done = False
        try:
            async with asyncio.timeout(limits.wall_s + _LATE_S):
                output = await self._exchange(
                    json.dumps(head).encode() + b"\n" + data, limits, is_last=is_last
                )
                if output is None or is_last:
                    _require_success(await asyncio.shield(report_read), limits)
            if output is None:
                raise BrokenProgramError("it gave no result")
            is_done = not is_last
        except TimeoutError as error:
            raise LimitPassedError(Limit.TIME, limits) from error
        finally:
            if not is_done:
                await self._end(report_read)
            report_read.cancel()
            await asyncio.wait((report_read,))
        return output

    def is_alive(self) -> bool:
        """Whether it waits for work."""
        try:
            self._report.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False  # it has reported its end

    def close(self) -> None:
        """End it, now or when it has read what it was given."""
        self._work.close()
        self._report.close()

    async def _exchange(self, message: bytes, limits: Limits, *, is_last: bool) -> bytes | None:
        """Give it its work, and take the result. None: it ended before it had given one."""
        # A process that ended before it had read its work resets the connection. Its report says why.
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self._work, message)
            if is_last:
                self._work.shutdown(socket.SHUT_WR)
            if (length := await self._read(LENGTH_BYTES)) is not None:
                size = int.from_bytes(length, "big")
                if size > limits.output_bytes:
                    raise LimitPassedError(Limit.OUTPUT, limits)
                return await self._read(size)
        return None

    async def _read(self, size: int) -> bytes | None:
        loop, pieces, left = asyncio.get_running_loop(), list[bytes](), size
        while left:
            piece = await loop.sock_recv(self._work, min(left, _READ_BYTES))
            if not piece:
                return None
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    async def _read_report(self) -> bytes:
        """Read the report to its end. Of many warnings of a library only the last ones are kept."""
        loop, words = asyncio.get_running_loop(), b""
        with contextlib.suppress(ConnectionError):
            while piece := await loop.sock_recv(self._report, _READ_BYTES):
                words = (words + piece)[-_MAX_REPORT_BYTES:]
        return words

    async def _end(self, report_read: asyncio.Task[bytes]) -> None:
        """Let the helper kill the process if it still runs, and wait for its end."""
        self._work.close()
        with contextlib.suppress(OSError):
            self._report.shutdown(socket.SHUT_WR)
        await asyncio.wait((report_read,), timeout=_END_S)
        report_read.cancel()
        await asyncio.wait((report_read,))
        self.close()


def _require_success(said: bytes, limits: Limits) -> None:
    """Read the report: what the program wrote to its standard error, and in the last line how it ended.

    Raises:
        ConfinedError: it did not succeed.
    """
    words, _, end = said.rpartition(b"\n")
    if not end:
        raise BrokenProgramError("its helper ended")
    code: int = json.loads(end)
    if limit := _SIGNALS.get(code) or EXIT_LIMITS.get(code):
        raise LimitPassedError(limit, limits)
    if code == EXIT_REFUSED:
        facts: dict[str, Any] = json.loads(words.rpartition(b"\n")[2])
        raise RefusedWorkError(facts)
    if code:
        raise BrokenProgramError(f"it ended with {code}: {words.decode(errors='replace')[-2000:]}")
