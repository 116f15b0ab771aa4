"""Waits until a page has loaded as far as it is to, and notices when it never will."""

import asyncio
from typing import Final

from fleet.errors import RenderError
from worker.browser.devtools import ProtocolError
from worker.browser.loading import COMMIT
from worker.browser.page import Page
from worker.render import egress_report
from worker.render.net_errors import error_type

# How long nothing may happen before the page itself is asked how far it is. Chromium tells most ends of
# loading at once; of window.stop() in a document that was written, not fetched, it says nothing.
_ASK_AFTER_S: Final = 0.5


async def wait_loaded(page: Page, stage: str) -> bool:
    """Wait until the page has reached a stage, or has ended its loading before.

    Args:
        page: that loads.
        stage: of its document, as `Lifecycle.reached` has them.

    Returns:
        Whether it has reached the stage. If not, it never will, and is what it is.

    Raises:
        RenderError: the transfer of the document broke off.
        DevToolsError: the page or its browser ended.
    """
    lifecycle = page.lifecycle
    while not lifecycle.has_reached(stage):
        try:
            async with asyncio.timeout(_ASK_AFTER_S) as patience:
                await lifecycle.reach(stage)
        except TimeoutError:
            if not patience.expired():
                raise
        if not lifecycle.has_reached(stage) and await _has_ended(page, stage):
            return False
    return True


async def _has_ended(page: Page, stage: str) -> bool:
    """Whether the current document will never reach the stage.

    Raises:
        RenderError: because its transfer broke off.
    """
    lifecycle = page.lifecycle
    loader, had_stopped = lifecycle.loader, lifecycle.has_stopped
    if COMMIT not in lifecycle.reached or is_replaced(page, loader):
        return False  # whom one could ask is not the document that counts
    try:
        state = await page.ready_state()
        if lifecycle.has_reached(stage) or is_replaced(page, loader):
            return False
        if had_stopped and state == "loading":
            await _require_whole_transfer(page)
            return True
    except ProtocolError:
        return False  # the document was replaced while it was asked
    # `interactive` after a stop: the document around a video, whose load event is still to come.
    lifecycle.has_stopped = False
    # `complete` without a load event: the parser was stopped. Otherwise the event comes in the same moment.
    return state == "complete"


async def _require_whole_transfer(page: Page) -> None:
    if net_error := await page.transfer_error():
        ours = egress_report.cut(page.port.record)
        detail = f"the transfer of the page broke off: {net_error}"
        raise ours or RenderError(error_type(net_error), detail)


def is_replaced(page: Page, loader: str) -> bool:
    """Whether a document, named by its loader, has given way to another one or is about to."""
    return page.lifecycle.loader != loader or page.lifecycle.is_moving_on
