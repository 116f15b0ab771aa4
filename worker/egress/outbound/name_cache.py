"""The addresses of names, asked once for the connections of one page that want the same name together."""

import asyncio
from collections.abc import Sequence
from typing import Final

from fleet.egress.public_addresses import Address
from worker.egress.outbound.resolver import Resolver, StillAskingError

# A page opens up to six connections to a host at once, and plain http one for each request. What a name was
# judged by is what is dialled, so an answer that is shared is as safe as a fresh one; it is kept for so short
# a time that no page sees a site move.
SHARED_S: Final = 5.0
MAX_NAMES: Final = 256
# The resolver's threads are for all pages of the worker: one page with slow names does not get them all.
MAX_LOOKUPS: Final = 8


class Names:
    """What the names of one page resolve to."""

    def __init__(self, resolver: Resolver, *, lookups: int = MAX_LOOKUPS, shared_s: float = SHARED_S) -> None:
        """Ask nothing yet; later, `lookups` names at once, each answer good for `shared_s` seconds."""
        self._resolve = resolver
        self._shared_s = shared_s
        self._loop = asyncio.get_running_loop()
        self._permits = asyncio.Semaphore(lookups)
        self._asked: dict[str, tuple[float, asyncio.Task[tuple[Address, ...]]]] = {}

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """All addresses of a name; none when it has none, or nobody could tell."""
        now = self._loop.time()
        expires, task = self._asked.get(host, (now, None))
        if task is None or (task.done() and expires <= now):
            task = self._ask(host, now)
        if task.done():
            return task.result()
        return await asyncio.shield(task)  # another connection may wait for the same answer

    def cancel(self) -> None:
        """Wait for no answer any more."""
        for _, task in self._asked.values():
            task.cancel()
        self._asked.clear()

    def _ask(self, host: str, now: float) -> asyncio.Task[tuple[Address, ...]]:
        self._asked.pop(host, None)  # so that the dictionary is in the order of asking
        if len(self._asked) >= MAX_NAMES:
            oldest = next(iter(self._asked))
            del self._asked[oldest]
        task = self._loop.create_task(self._answer(host))
        self._asked[host] = (now + self._shared_s, task)
        return task

    async def _answer(self, host: str) -> tuple[Address, ...]:
        await self._permits.acquire()
        held: asyncio.Future[Sequence[Address]] | None = None
        try:
            return tuple(await self._resolve(host))
        except StillAskingError as error:
            held = error.end  # or else names without an answer would take the threads one time-out at a time
            return ()
        except OSError:
            return ()
        finally:
            if held is None or held.done():
                self._permits.release()
            else:
                held.add_done_callback(lambda _: self._permits.release())
