"""The window that a page gets, as Chromium is told of it."""

from typing import Final

from fleet.render.options.output import PICTURES
from fleet.render.request import RenderRequest
from worker.browser.protocol import Metrics, ScreenOrientation

# While a page loads, Chromium draws frames of it. A PDF or a text needs none, so they are drawn as small as
# 13 x 7 pixels: this saves a seventh of the CPU of an invoice (docs/browser.md). The page itself cannot tell.
UNSEEN_SCALE: Final = 0.01


def is_unseen(request: RenderRequest) -> bool:
    """Whether nobody ever sees what Chromium draws of the page in its window.

    The mouse needs the window as it is: Chromium scales its coordinates, too.
    """
    acts = request.click, request.hover, request.scroll_into_view, request.actions
    return request.format not in PICTURES and not any(acts)


def unseen_window(request: RenderRequest) -> Metrics:
    """The usual window, of which nobody sees anything. The screen is Chromium's own, as always with it."""
    viewport = request.viewport
    return Metrics(
        width=viewport.width,
        height=viewport.height,
        deviceScaleFactor=request.device_scale_factor,
        mobile=False,
        scale=UNSEEN_SCALE,
    )


def window_metrics(request: RenderRequest, *, height: int | None = None) -> Metrics:
    """The window that was asked for.

    Args:
        request: with viewport, scale and screen.
        height: in CSS pixels, in place of that of the viewport; the screen stays as it is.
    """
    viewport = request.viewport
    screen = request.screen or viewport
    metrics = Metrics(
        width=viewport.width,
        height=height or viewport.height,
        deviceScaleFactor=request.device_scale_factor,
        mobile=request.is_mobile,
        screenWidth=screen.width,
        screenHeight=screen.height,
    )
    if is_unseen(request):
        metrics["scale"] = UNSEEN_SCALE
    if request.is_mobile:
        is_wide = viewport.width > viewport.height
        metrics["screenOrientation"] = (
            ScreenOrientation(type="landscapePrimary", angle=90)
            if is_wide
            else ScreenOrientation(type="portraitPrimary", angle=0)
        )
    return metrics
