"""Waiting for what announces itself to nobody: the end of a foreign process, a row that others write."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

_POLL_S: Final = 0.05


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Look again and again. False: it did not come true in time."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    while not await condition():
        if clock() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
