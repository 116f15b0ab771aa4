"""Has a page draw below its window what Chromium draws only within it.

A picture beyond the window shows the document as it lies, with the window still at its top. Without repair
three things are missing below: parts with `content-visibility: auto`, backgrounds that are fixed to the
window, and layers that cover the window behind everything else.
"""

import json
from typing import Final

from worker.browser.page import Page
from worker.render.in_page import script

# Of more elements than this nobody is asked for its style: 50,000 take about 0.3 s.
_MAX_ELEMENTS: Final = 50_000
# How long the backgrounds are waited for of parts that Chromium had not drawn before.
_MAX_IMAGES_S: Final = 5.0

_REPAIR: Final = script("draw_beyond_window.js")


async def draw_beyond_window(page: Page) -> None:
    """Repair what would be missing below the window.

    Raises:
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    limits = {"maxElements": _MAX_ELEMENTS, "imagesMs": _MAX_IMAGES_S * 1000}
    await page.evaluate(f"({_REPAIR})({json.dumps(limits)})")
