"""The window that a page gets, as Chromium is told of it."""

from fleet.render.request import RenderRequest
from worker.browser.protocol import Metrics, ScreenOrientation


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
    if request.is_mobile:
        is_wide = viewport.width > viewport.height
        metrics["screenOrientation"] = (
            ScreenOrientation(type="landscapePrimary", angle=90)
            if is_wide
            else ScreenOrientation(type="portraitPrimary", angle=0)
        )
    return metrics
