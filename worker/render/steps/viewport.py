"""The screen that the page sees: size, density, touch; set before anything is loaded."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fleet.render.request import RenderRequest
from worker.browser.new_page import DEFAULT_HEIGHT_PX, DEFAULT_WIDTH_PX
from worker.render.context import Render
from worker.render.window import is_unseen, unseen_window, window_metrics


async def run(render: Render) -> None:
    """Resize the page's window and make it one of touch, unless it was opened as it is wanted."""
    commands: list[Coroutine[Any, Any, Any]] = []
    if not _is_usual(render.request):
        commands.append(render.page.resize(window_metrics(render.request)))
    elif is_unseen(render.request):
        commands.append(render.page.resize(unseen_window(render.request)))
    if render.request.has_touch:
        commands.append(render.page.send("Emulation.setTouchEmulationEnabled", enabled=True))
    if commands:
        await asyncio.gather(*commands)


def _is_usual(request: RenderRequest) -> bool:
    """Whether the window that was asked for is the one in which pages open."""
    viewport = request.viewport
    sizes = (viewport.width, viewport.height, request.device_scale_factor)
    is_usual = sizes == (DEFAULT_WIDTH_PX, DEFAULT_HEIGHT_PX, 1.0)
    return is_usual and not request.is_mobile and request.screen is None
