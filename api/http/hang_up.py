"""Notices that a caller closes its connection."""

import asyncio

from starlette.types import Receive


async def hung_up(receive: Receive) -> None:
    """Return when the caller has closed the connection. The rest of its body is ignored."""
    while (await receive())["type"] != "http.disconnect":
        pass


class CallPause:
    """A pause of a call: until it is woken, its time is over, or its caller closes the connection.

    To wait for two things usually takes a second task, which is 4 KiB for each of thousands of callers. Here
    the call's own task waits for the end of the connection, with a time limit, and `wake` moves that limit.
    """

    __slots__ = ("_is_woken", "_limit")

    def __init__(self) -> None:
        self._is_woken = False
        self._limit: asyncio.Timeout | None = None

    def wake(self) -> None:
        """End the pause, or the next one if there is none now. To be called in the event loop's thread."""
        self._is_woken = True
        # If the limit has expired, the pause ends anyway.
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(0)

    async def wait(self, *, timeout_s: float, receive: Receive) -> bool:
        """Pause. Returns whether the caller is still connected.

        Args:
            timeout_s: seconds.
            receive: the call's ASGI channel; the body must have been read to its end.
        """
        if not self._is_woken:
            try:
                async with asyncio.timeout(timeout_s) as self._limit:
                    await hung_up(receive)
                    return False
            except TimeoutError:
                pass
            finally:
                self._limit = None
        self._is_woken = False
        return True
