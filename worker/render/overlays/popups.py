"""Popups: overlays that ask for a newsletter, an app or notifications, and chat bubbles. They are hidden."""

import asyncio
from typing import Final

from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.browser.page import Page
from worker.render.in_page import script
from worker.render.overlays.frames import OVERLAYS

_POPUPS: Final = script("popups.js")
# What a page of very many elements takes, on a busy machine.
_ANSWER_S: Final = 2.0


async def hide_popups(page: Page) -> int:
    """Hide the popups that a page shows now.

    Returns:
        How many there were; 0 also if the page does not answer, or goes on to another document.

    Raises:
        TargetCrashedError: the page ended.
        ConnectionLostError: the browser ended.
    """
    try:
        async with asyncio.timeout(_ANSWER_S):
            return int(await page.evaluate(f"{OVERLAYS}\n{_POPUPS}"))
    except (TimeoutError, EvaluationError):
        return 0  # its scripts keep it busy, or it is no HTML
    except ProtocolError:
        await page.require_alive()
        return 0
