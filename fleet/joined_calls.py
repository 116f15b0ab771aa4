"""For work that costs little more for many than for one: calls that come while it is done are done together.

Who comes alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Work that takes long waits for another program, for example for the disk of Postgres. Meanwhile more can be
# done, and nobody should wait for it: so one more at once for each 2 ms that it takes.
_ONE_MORE_S: Final = 0.002
_MOST_AT_ONCE: Final = 8


class JoinedCalls(Generic[Item, Result]):
    """The calls of one process for one kind of work."""

    def __init__(
        self, work: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]], *, most: int
    ) -> None:
        """Nothing is done yet.

        Args:
            work: does the work of all these items; one result or error for each, in their order. What it
                raises is raised in each of their calls. It must not use the context of a call, such as the
                ids in its log lines: calls have different ones.
            most: how many items it gets at once.
        """
        self._work = work
        self._most = most
        self._working = 0
        self._at_once = 1
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps no task alive

    async def call(self, item: Item) -> Result:
        """Have the work of one item done: now, or with others when what is being done now is done.

        Raises:
            Exception: its error, or what the work raises.
        """
        if self._working >= self._at_once:
            result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, result))
            return await result
        clock = asyncio.get_running_loop().time
        began_at = clock()
        self._working += 1
        try:
            (alone,) = await self._work([item])
        finally:
            if not self._waiting:  # or else this process was busy, and the time says little
                self._learn(clock() - began_at)
            self._go_on()
        if isinstance(alone, Exception):
            raise alone
        return alone

    def _learn(self, took_s: float) -> None:
        """Step towards what fits this time. One step: the first time is longer than the next ones."""
        fitting = min(_MOST_AT_ONCE, 1 + int(took_s / _ONE_MORE_S))
        self._at_once += (fitting > self._at_once) - (fitting < self._at_once)

    def _go_on(self) -> None:
        self._working -= 1
        if self._waiting and self._working < self._at_once:
            self._working += 1
            task = asyncio.get_running_loop().create_task(self._work_together(), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work_together(self) -> None:
        count = min(len(self._waiting), self._most)
        calls = [call for call in (self._waiting.popleft() for _ in range(count)) if not call[1].done()]
        results: Sequence[Result | Exception]
        try:
            results = await self._work([item for item, _ in calls]) if calls else ()
        except asyncio.CancelledError:  # the process ends
            for _, waiting in calls:
                waiting.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - raised in each of the calls
            results = [error] * len(calls)
        finally:
            self._go_on()
        for (_, waiting), result in zip(calls, results, strict=True):
            if waiting.done():
                continue  # its call was cancelled
            if isinstance(result, Exception):
                waiting.set_exception(result)
            else:
                waiting.set_result(result)
