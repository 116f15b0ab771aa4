"""What a job's owner is told of a browser that did not do what it should: the one place that names it."""

from pathlib import Path

from fleet.errors import ErrorType, RenderError
from worker.browser.devtools import (
    ConnectionLostError,
    DevToolsError,
    ProtocolError,
    TargetClosedError,
    TargetCrashedError,
)
from worker.browser.page import Page
from worker.resources.disk import full_error, is_almost_full


async def render_error(error: DevToolsError, page: Page, folder: Path) -> RenderError:
    """Name the end of a page or of its browser, or the refusal of a command.

    Args:
        error: what a command of the page has raised.
        page: the page.
        folder: where the artifact is written; on its disk the browser writes too.
    """
    if isinstance(error, ProtocolError):
        error = await _end_behind(error, page)
    if isinstance(error, TargetCrashedError) and (found := _why_we_ended(page)):
        return found
    # On a full disk renderers crash first, then the browser: that is not the page's doing.
    if is_almost_full(folder):
        return full_error(folder)
    if isinstance(error, TargetClosedError) and await page.has_working_browser():
        return RenderError(ErrorType.CONTENT_REJECTED, "the page closed itself with window.close()")
    if isinstance(error, TargetCrashedError):
        return RenderError(ErrorType.PAGE_CRASHED, "the page's renderer process ended")
    if isinstance(error, ConnectionLostError):
        return RenderError(ErrorType.BROWSER_UNAVAILABLE, "the browser ended during the render")
    return RenderError(ErrorType.INTERNAL_ERROR, "the browser refused a step of the render")


def _why_we_ended(page: Page) -> RenderError | None:
    """What the page had too much of, if it was ended for that."""
    if page.memory.excess is not None:
        return RenderError(ErrorType.MEMORY_LIMIT_EXCEEDED, str(page.memory.excess))
    if page.memory.misuse is not None:
        return RenderError(ErrorType.CONTENT_REJECTED, page.memory.misuse)
    return None


async def _end_behind(refusal: ProtocolError, page: Page) -> DevToolsError:
    """Chromium refuses the command that a dying renderer was at, and only then says that it has ended."""
    try:
        await page.require_alive()
    except DevToolsError as end:
        return end
    return refusal
