"""For work that costs little more for many than for one: calls that come while it is done are done together.

Who comes alone waits for nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_ONE_MORE_S: Final = 0.002
_MOST_AT_ONCE: Final = 8


class Pace:
    """How much of one kind of work is done at once.

    Work that takes long, although this process has time, waits for another program: for the disk of Postgres,
    for example. More can be done meanwhile, and nobody should have to wait for it.

    Attributes:
        at_once: so many, 1 to 8: one more for each 2 ms.
    """

    def __init__(self) -> None:
        """One at once."""
        self.at_once = 1

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Measure the work in the block."""
        began_at, began_busy_s = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            busy_s = time.thread_time() - began_busy_s  # with other calls
            waited_s = time.monotonic() - began_at - busy_s
            fitting = min(_MOST_AT_ONCE, 1 + int(waited_s / _ONE_MORE_S))
            # One step: the first time, which connects, is longer than the next ones.
            self.at_once += (fitting > self.at_once) - (fitting < self.at_once)


class JoinedCalls(Generic[Item, Result]):
    """The calls of one process for one kind of work."""

    def __init__(
        self, work: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]], pace: Pace, *, most: int
    ) -> None:
        """Nothing is done yet.

        Args:
            work: does the work of all these items; one result or error for each, in their order. What it
                raises is raised in each of their calls. It must not use the context of a call, such as the
                ids in its log lines: calls have different ones.
            pace: how much of this work is done at once. What else does such work may have the same one.
            most: how many items the work gets at once.
        """
        self._work = work
        self._pace = pace
        self._most = most
        self._working = 0
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps no task alive

    async def call(self, item: Item) -> Result:
        """Have the work of one item done: now, or with others when what is being done now is done.

        Raises:
            Exception: its error, or what the work raises.
        """
        if self._working >= self._pace.at_once:
            result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, result))
            return await result
        self._working += 1
        try:
            with self._pace.learning():
                (alone,) = await self._work([item])
        finally:
            self._go_on()
        if isinstance(alone, Exception):
            raise alone
        return alone

    def _go_on(self) -> None:
        self._working -= 1
        if self._waiting and self._working < self._pace.at_once:
            self._working += 1
            task = asyncio.get_running_loop().create_task(self._work_together(), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work_together(self) -> None:
        count = min(len(self._waiting), self._most)
        calls = [call for call in (self._waiting.popleft() for _ in range(count)) if not call[1].done()]
        results: Sequence[Result | Exception]
        try:
            with self._pace.learning():
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
