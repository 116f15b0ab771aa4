"""Waits for something that causes no event, such as a changed row or the end of another program."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

_POLL_S: Final = 0.05


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Check the condition again and again. False: it was not met in time."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    while not await condition():
        if clock() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
