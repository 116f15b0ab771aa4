"""The addresses of names, for one page. Connections to the same name share one look-up for some seconds."""

import asyncio
from collections.abc import Sequence
from typing import Final

from fleet.egress.public_addresses import Address
from worker.egress.outbound.resolver import Resolver, StillAskingError

# A page opens up to six connections to a host at once, and for plain HTTP one for each request. The proxy
# connects only to the addresses that it has checked, so a shared answer is as safe as a new one. It is kept
# for a short time only, because the addresses of a site may change.
SHARED_S: Final = 5.0
MAX_NAMES: Final = 256
# All pages of the worker share the resolver's threads. This keeps a page with slow names from using them all.
MAX_LOOKUPS: Final = 8


class NameCache:
    """What the names of one page resolve to."""

    def __init__(self, resolver: Resolver, *, lookups: int = MAX_LOOKUPS, shared_s: float = SHARED_S) -> None:
        """Look up nothing yet.

        Args:
            resolver: looks up names, within a time limit.
            lookups: how many names are looked up at the same time.
            shared_s: seconds for which an answer is used again.
        """
        self._resolve = resolver
        self._shared_s = shared_s
        self._loop = asyncio.get_running_loop()
        self._permits = asyncio.Semaphore(lookups)
        self._asked: dict[str, tuple[float, asyncio.Task[tuple[Address, ...]]]] = {}

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """All addresses of a name; empty if it has none, or if they could not be found out."""
        now = self._loop.time()
        expires, task = self._asked.get(host, (now, None))
        if task is None or (task.done() and expires <= now):
            task = self._ask(host, now)
        if task.done():
            return task.result()
        return await asyncio.shield(task)  # another connection may wait for the same answer

    def cancel(self) -> None:
        """Cancel all look-ups."""
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
            held = error.end  # the thread still waits, so it still counts against `lookups`
            return ()
        except OSError:
            return ()
        finally:
            if held is None or held.done():
                self._permits.release()
            else:
                held.add_done_callback(lambda _: self._permits.release())
