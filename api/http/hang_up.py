"""Whether the caller is still on the line."""

import asyncio

from starlette.types import Receive


async def hung_up(receive: Receive) -> None:
    """Return when the caller has closed the connection; what is left of its body is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Rest:
    """A caller's pause until something wakes it, its time is over, or it hangs up. One task, no second one.

    Waiting for two things at once usually takes two tasks (4 KiB, times thousands of callers). Here the
    caller's own task listens for the hanging up, and a wake ends that early by moving its time limit.
    """

    __slots__ = ("_is_woken", "_limit")

    def __init__(self) -> None:
        self._is_woken = False
        self._limit: asyncio.Timeout | None = None

    def wake(self) -> None:
        """End the pause, or the next one if there is none now. From the event loop's thread."""
        self._is_woken = True
        # Once a limit has expired, the pause is ending anyway.
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(0)

    async def take(self, *, timeout_s: float, receive: Receive) -> bool:
        """Pause. Whether the caller is still there.

        Args:
            timeout_s: seconds.
            receive: the call's ASGI channel; its body must have been read to the end.
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
