"""Asks the operating system for the addresses of a name, with limits on the time and on the threads."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Final

from fleet.egress.public_addresses import Address

# If a name server does not answer, a thread waits as long as resolv.conf says, often 10 s, even if our own
# time limit is shorter. When so many threads wait, further names have to wait, and may time out. This is
# eight times as many as one page may use (name_cache.py). A waiting thread takes about 20 KB.
DEFAULT_THREADS: Final = 64

# Raises OSError for a name that has no address. SystemResolver is the real one.
Resolver = Callable[[str], Awaitable[Sequence[Address]]]


class StillAskingError(TimeoutError):
    """There was no answer in time, and a thread still waits for one.

    Attributes:
        end: done when the thread has ended.
    """

    def __init__(self, end: asyncio.Future[Sequence[Address]]) -> None:
        super().__init__("no answer in time")
        self.end = end


class SystemResolver:
    """`getaddrinfo` on threads of its own, so that slow names never hold up asyncio's shared pool.

    The threads are daemons: unlike those of a ThreadPoolExecutor they do not keep a stopping worker alive
    until the last name server has answered.
    """

    def __init__(self, *, timeout_s: float, threads: int = DEFAULT_THREADS) -> None:
        self._timeout_s = timeout_s
        self._permits = asyncio.Semaphore(threads)

    async def __call__(self, host: str) -> Sequence[Address]:
        """Resolve a name, both IPv4 and IPv6, in the system's order.

        Raises:
            OSError: the name does not exist or the system cannot tell (`socket.gaierror`), or there was no
                answer in time (`TimeoutError`, and `StillAskingError` if a thread is held).
        """
        asking: asyncio.Future[Sequence[Address]] | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._permits.acquire()
                asking = self._ask(host)
                asking.add_done_callback(_read_error)
                return await asyncio.shield(asking)
        except TimeoutError as error:
            raise (error if asking is None else StillAskingError(asking)) from None

    def _ask(self, host: str) -> asyncio.Future[Sequence[Address]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Address]] = loop.create_future()

        def deliver(result: Sequence[Address] | OSError) -> None:
            self._permits.release()  # only now: a thread that nobody waits for any more still counts
            if isinstance(result, OSError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def run() -> None:
            result: Sequence[Address] | OSError
            try:
                result = _look_up(host)
            except OSError as error:
                result = error
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile: nobody waits
                loop.call_soon_threadsafe(deliver, result)

        try:
            threading.Thread(target=run, name=f"resolve-{host[:40]}", daemon=True).start()
        except RuntimeError as error:  # the system gives no more threads
            deliver(OSError(str(error)))
        return answer


def _read_error(answer: asyncio.Future[Sequence[Address]]) -> None:
    """Read the error, if there is one: after a timeout nobody else does, and asyncio would warn about it."""
    answer.exception()


def _look_up(host: str) -> Sequence[Address]:
    # As bytes: for a str, Python would use its IDNA 2003 codec, which raises for long labels and encodes some
    # names in another way than the browser. The host is ASCII already, see Target.
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(str(sockaddr[0])) for *_, sockaddr in found))
