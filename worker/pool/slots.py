"""The permits of a worker: how many pages render at once."""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final

from fleet.telemetry.metrics.of_worker import SLOTS_BUSY

# For so long a replacement waits for a slot to be empty.
_PATIENCE_S: Final = 10.0
# Whoever sends a page as soon as the last one is answered needs less time than this in between.
_CALM_S: Final = 0.5


class Slots:
    """A semaphore that can be asked how many are taken.

    Attributes:
        count: how many there are.
        busy: how many are taken.
    """

    def __init__(self, count: int, offer: Callable[[int], None]) -> None:
        """All of them are free.

        Args:
            count: how many there are.
            offer: told how many may be filled; one less while a browser is being replaced.
        """
        self.count = count
        self.busy = 0
        self._offer = offer
        self._permits = asyncio.Semaphore(count)
        self._freed = asyncio.Event()
        self._freed_at = -math.inf  # when one was last given back, by the loop's clock

    @property
    def has_free(self) -> bool:
        """Whether a render would begin at once."""
        return self.busy < self.count

    @property
    def is_calm(self) -> bool:
        """Whether one render runs alone, and the last one before it ended more than `_CALM_S` ago.

        Then the next render will probably come after a pause, too. Browsers that are replaced meanwhile
        change nothing: renders come as they came before.
        """
        return self.busy == 1 and asyncio.get_running_loop().time() - self._freed_at > _CALM_S

    async def take(self) -> None:
        """Wait for a free one."""
        await self._permits.acquire()
        self._count(1)

    def give_back(self) -> None:
        """Let the next one in."""
        self._count(-1)
        self._freed_at = asyncio.get_running_loop().time()
        self._freed.set()
        self._permits.release()

    async def leave_one_empty(self, ended: asyncio.Future[Any]) -> None:
        """Let a launch take the place of a render: with all slots busy it would slow every one of them.

        The job that would have begun goes to another worker, or waits for half a second in the queue. A
        worker with one slot has none to spare. `fill_all` ends it.

        Args:
            ended: the browser's end, after which nobody waits for anything.
        """
        self._offer(max(1, self.count - 1))
        clock = asyncio.get_running_loop().time
        deadline = clock() + _PATIENCE_S
        while 1 < self.count <= self.busy and not ended.done() and clock() < deadline:
            self._freed.clear()
            freed = asyncio.create_task(self._freed.wait())
            await asyncio.wait(
                (freed, ended), timeout=deadline - clock(), return_when=asyncio.FIRST_COMPLETED
            )
            freed.cancel()

    def fill_all(self) -> None:
        """Offer all of them again."""
        self._offer(self.count)

    def _count(self, difference: int) -> None:
        self.busy += difference
        SLOTS_BUSY.set(self.busy)
