"""Finds the element that scrolls in place of the page, as in many web apps, and shows all that it holds.

The window keeps its size. The scroller, and each element around it, becomes as much higher as there is to
scroll, so that bars above, below and beside it stay where they belong.
"""

from dataclasses import dataclass
from typing import Final

from worker.browser.page import Page
from worker.render.in_page import script

_EXPAND: Final = script("expand_scroller.js")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A page that scrolled in an element of its own.

    Attributes:
        grown_px: CSS pixels that were hidden in that element.
        is_whole: whether the page is longer by as much now.
    """

    grown_px: float
    is_whole: bool


async def expand_scroller(page: Page) -> Expanded | None:
    """Show all of the element that scrolls in place of the page; None: there is none.

    Raises:
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    found = await page.evaluate(f"({_EXPAND})()")
    return Expanded(found["grown"], found["isWhole"]) if found else None
