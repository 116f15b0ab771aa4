"""The part of the page that a picture shows: within the page, and no larger than a picture can be."""

from fleet.errors import ErrorType, RenderError
from fleet.render.options.screenshot import Clip
from worker.browser.protocol import ScreenshotClip
from worker.render.context import Render
from worker.render.full_page.prepare import prepare
from worker.render.picture.picture_size import largest


async def clip_area(render: Render, clip: Clip) -> ScreenshotClip:
    """The part of `clip`, loaded and drawn.

    Raises:
        RenderError: `invalid_request` when it lies outside the page.
        DevToolsError: the page or its browser ended.
    """
    viewport = render.request.viewport
    right, bottom = clip.x + clip.width, clip.y + clip.height
    if right > viewport.width or bottom > viewport.height:
        await prepare(render, max_height=bottom)
    return await part_of_page(render, "clip", (clip.x, clip.y, right, bottom))


async def part_of_page(render: Render, name: str, sides: tuple[float, float, float, float]) -> ScreenshotClip:
    """What of a rectangle, in CSS pixels from the top left of the page, is on the page and fits a picture.

    Args:
        render: the work.
        name: of the option that asks for it.
        sides: left, top, right and bottom of the rectangle.

    Raises:
        RenderError: `invalid_request` when nothing of it is on the page.
    """
    request = render.request
    left, top, right, bottom = sides
    width, height = await render.page.content_size()
    width, height = max(width, request.viewport.width), max(height, request.viewport.height)
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        detail = f"{name}: lies outside the page, which is {width:.0f} x {height:.0f} CSS pixels"
        raise RenderError(ErrorType.INVALID_REQUEST, detail)
    x, y = max(0.0, left), max(0.0, top)
    wanted = min(right, width) - x, min(bottom, height) - y
    scale = request.device_scale_factor
    fitting = largest(*wanted, scale=scale, format_=request.format)
    shown = min(wanted[0], fitting[0]), min(wanted[1], fitting[1])
    if shown != wanted or (name == "clip" and wanted != (right - left, bottom - top)):
        render.warnings.append(
            f"{name}: {right - left:.0f} x {bottom - top:.0f} CSS pixels were asked for; the picture holds "
            f"{shown[0]:.0f} x {shown[1]:.0f} of them"
        )
    return ScreenshotClip(x=x, y=y, width=max(1, shown[0]), height=max(1, shown[1]), scale=1)
