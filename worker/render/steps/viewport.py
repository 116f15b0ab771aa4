"""The screen that the page sees: size, density, touch; set before anything is loaded."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fleet.render.request import RenderRequest
from worker.browser.page import DEFAULT_HEIGHT_PX, DEFAULT_WIDTH_PX
from worker.browser.protocol import Metrics, ScreenOrientation
from worker.render.context import Render


async def run(render: Render) -> None:
    """Resize the page's window and make it one of touch, unless it was opened as it is wanted."""
    commands: list[Coroutine[Any, Any, Any]] = []
    metrics = _metrics(render.request)
    if metrics is not None:
        commands.append(render.page.resize(metrics))
    if render.request.has_touch:
        commands.append(render.page.send("Emulation.setTouchEmulationEnabled", enabled=True))
    if commands:
        await asyncio.gather(*commands)


def _metrics(request: RenderRequest) -> Metrics | None:
    """The window that was asked for; None: it is the one in which pages open."""
    viewport, scale = request.viewport, request.device_scale_factor
    is_usual = (viewport.width, viewport.height, scale) == (DEFAULT_WIDTH_PX, DEFAULT_HEIGHT_PX, 1.0)
    if is_usual and not request.is_mobile and request.screen is None:
        return None
    screen = request.screen or viewport
    metrics = Metrics(
        width=viewport.width,
        height=viewport.height,
        deviceScaleFactor=scale,
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
