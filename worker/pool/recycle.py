"""When a browser has served long enough: by age, spread over the fleet, by its renders, or by its memory."""

import asyncio
import random
from enum import StrEnum
from typing import Final

from worker.browser.browser import Browser
from worker.settings import BrowserSettings

_SPREAD: Final = 0.1


class Reason(StrEnum):
    """Why a browser is replaced as planned."""

    AGE = "age"
    RENDERS = "renders"
    MEMORY = "memory"


def spread(age_s: float, chance: float) -> float:
    """`age_s` plus or minus a tenth, so that a fleet that started together does not relaunch together.

    Args:
        age_s: the setting BROWSER_MAX_AGE_S.
        chance: a random number from 0 to 1.
    """
    return age_s * (1 - _SPREAD + 2 * _SPREAD * chance)


class RecycleTimer:
    """Tells when one browser is due. Each worker has its own; nothing is agreed with others."""

    def __init__(self, browser: Browser, settings: BrowserSettings) -> None:
        self._numbers = browser.numbers
        self._outgrown = browser.memory.outgrown
        self._max_renders = settings.browser_max_renders
        self._age_s = spread(settings.browser_max_age_s, random.random())  # noqa: S311 - spreads load
        self._worn_out = asyncio.Event()

    def count_render(self) -> None:
        """Count one render against the browser."""
        self._numbers.renders += 1
        if self._numbers.renders >= self._max_renders:
            self._worn_out.set()

    async def due(self) -> Reason:
        """Return when the browser is to be replaced."""
        worn_out = asyncio.create_task(self._worn_out.wait())
        outgrown = asyncio.create_task(self._outgrown.wait())
        try:
            await asyncio.wait((worn_out, outgrown), timeout=self._age_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            worn_out.cancel()
            outgrown.cancel()
        if self._outgrown.is_set():
            return Reason.MEMORY
        return Reason.RENDERS if self._worn_out.is_set() else Reason.AGE
