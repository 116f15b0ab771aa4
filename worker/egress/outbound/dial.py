"""Connects to one of several checked addresses: Happy Eyeballs (RFC 8305), without looking up a name."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fleet.egress.public_addresses import Address
from worker.egress.outbound.stream import Stream

# RFC 8305, section 5: the recommended delay before the next address is tried beside the first.
ATTEMPT_DELAY_S: Final = 0.25
# Names of large sites have eight addresses. Of more, only so many are tried.
MAX_ADDRESSES: Final = 8

# Makes one connection; tests record here where it would go. Raises OSError.
Dialer = Callable[[Address, int], Awaitable[Stream]]


async def dial(address: Address, port: int) -> Stream:
    """Connect to exactly this address.

    Raises:
        OSError: the connection was refused or failed.
    """
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(Stream, str(address), port)
    return stream


async def dial_first(addresses: Sequence[Address], port: int, dialer: Dialer, *, timeout_s: float) -> Stream:
    """Connect to the address that answers first. If one is slow, the next is tried at the same time.

    Args:
        addresses: at least one, best first; all of them are allowed.
        port: the port at each address.
        dialer: connects to an address.
        timeout_s: seconds for all attempts together.

    Raises:
        TimeoutError: no address has answered in time.
        OSError: all attempts have failed; this is the last error.
    """
    ordered = interleave(addresses)[:MAX_ADDRESSES]
    async with asyncio.timeout(timeout_s):
        if len(ordered) == 1:
            return await _attempt(ordered[0], port, dialer)
        return await _race(ordered, port, dialer)


def interleave(addresses: Sequence[Address]) -> list[Address]:
    """Alternate IPv4 and IPv6, beginning with the family of the first address (RFC 8305, section 4)."""
    first = [address for address in addresses if address.version == addresses[0].version]
    others = [address for address in addresses if address.version != addresses[0].version]
    pairs = itertools.zip_longest(first, others)
    return [address for pair in pairs for address in pair if address is not None]


async def _attempt(address: Address, port: int, dialer: Dialer) -> Stream:
    stream = await dialer(address, port)
    stream.address = address
    return stream


async def _race(addresses: Sequence[Address], port: int, dialer: Dialer) -> Stream:
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[Stream]] = set()
    failure: BaseException | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_attempt(waiting.pop(), port, dialer)))
            done, _ = await asyncio.wait(
                running,
                timeout=ATTEMPT_DELAY_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                running.discard(task)
                if (failure := task.exception()) is None:
                    return task.result()
        assert failure is not None, "the last attempt has failed"  # noqa: S101
        raise failure
    finally:
        await _abandon(running)


async def _abandon(running: set[asyncio.Task[Stream]]) -> None:
    """Cancel the other attempts. One that has connected in the meantime is closed."""
    for task in running:
        task.cancel()
    for result in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(result, Stream):
            result.transport.abort()
