"""Waits until a page has come to rest after something has changed it: a style, a script, a click.

At rest means that for 100 ms nothing that one sees has changed: no layout, no canvas; and that animations
which end by themselves have ended, as well as fonts, pictures in view and plain requests. What goes on for
ever is not waited for. The page itself watches (in_page/quiet.js), so that a wait takes one message.
"""

import asyncio
from pathlib import Path
from typing import Final

from worker.browser.devtools import ProtocolError
from worker.browser.page import Page
from worker.render.context import Render

# Enough for an entrance animation of two seconds and what follows it.
SETTLE_S: Final = 3.0
_QUIET: Final = Path(__file__).with_name("in_page").joinpath("quiet.js").read_text()
# A request that is not answered by then is one for news that may never come.
_REQUESTS_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.05


async def settle(render: Render) -> None:
    """Wait until the page is at rest, but not for longer than `SETTLE_S`.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    await _settled(render.page, SETTLE_S)


async def _settled(page: Page, limit_s: float) -> None:
    clock = asyncio.get_running_loop().time
    began_at = clock()
    while (left_s := began_at + limit_s - clock()) > 0:
        is_quiet = await _ask(page, left_s)
        is_waiting = page.port.open_requests() and clock() - began_at < _REQUESTS_S
        if is_quiet and not is_waiting and not page.lifecycle.is_moving_on:
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _ask(page: Page, limit_s: float) -> bool:
    """Whether the document says that it is quiet; it takes its time for it."""
    try:
        async with asyncio.timeout(limit_s):
            return not (await page.evaluate(f"({_QUIET})({round(limit_s * 1000)})"))["open"]
    except (ProtocolError, TimeoutError):
        return False  # the document was replaced, or its scripts keep it busy
