"""The window that the page sees: size and density, set before anything is loaded."""

from worker.browser.page import DEFAULT_HEIGHT_PX, DEFAULT_WIDTH_PX
from worker.render.context import Render


async def run(render: Render) -> None:
    """Resize the page's window, unless it was opened in the wanted size."""
    request = render.request
    viewport = request.viewport
    wanted = (viewport.width, viewport.height, request.device_scale_factor)
    if wanted == (DEFAULT_WIDTH_PX, DEFAULT_HEIGHT_PX, 1.0):
        return
    await render.page.resize(*wanted)
