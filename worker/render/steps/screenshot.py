"""Makes the picture."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.output import DEFAULT_QUALITY, LOSSY, Format
from fleet.render.options.viewport import MAX_DEVICE_PIXELS
from fleet.render.request import RenderRequest
from worker.browser.devtools import ProtocolError
from worker.browser.protocol import Screenshot, ScreenshotClip
from worker.render.context import Render

# The longest side that each format can carry. Beyond it Chromium 156 answers with an empty picture and no
# error (measured: tests/integration/worker/render/test_render.py). The texture limit of 16,384 that browsers
# with a GPU have does not exist here: pages are painted in software, and 100,000 pixels came out right.
MAX_SIDE_PX: Final = {Format.PNG: 100_000, Format.JPEG: 65_500, Format.WEBP: 16_383}

# Right after a load there may be no frame yet. Measured: gone within two frames.
_NO_FRAME: Final = "Unable to capture screenshot"
_FIRST_PAUSE_S: Final = 0.01
_PATIENCE_S: Final = 3.0


async def run(render: Render) -> None:
    """Leave the picture in `render.content`.

    Raises:
        RenderError: `invalid_request` when the format cannot carry a picture of that size.
    """
    request = render.request
    _require_size(request)
    params = Screenshot(format=request.format.value, optimizeForSpeed=True)
    if request.format in LOSSY:
        params["quality"] = request.quality or DEFAULT_QUALITY
    width: float = request.viewport.width
    height: float = request.viewport.height
    if clip := await _whole_page(render):
        params |= Screenshot(clip=clip, captureBeyondViewport=True)
        width, height = clip["width"], clip["height"]
    render.page.memory.expect_picture(width * height * request.device_scale_factor**2)
    render.content = _one_piece(await _picture(render, params))


def fit(
    width: float, height: float, *, scale: float, max_side_px: int, max_pixels: int = MAX_DEVICE_PIXELS
) -> tuple[int, int]:
    """The largest part, from the top left, of a page that one picture can hold.

    Args:
        width: of the page, in CSS pixels.
        height: of the page, in CSS pixels.
        scale: device pixels per CSS pixel.
        max_side_px: device pixels of the longer side.
        max_pixels: device pixels of the whole picture.
    """
    longest = math.floor(max_side_px / scale)
    fitting_width = max(1, min(math.ceil(width), longest))
    by_area = math.floor(max_pixels / (fitting_width * scale**2))
    return fitting_width, max(1, min(math.ceil(height), longest, by_area))


async def _whole_page(render: Render) -> ScreenshotClip | None:
    """What of the page one picture can hold; None: what is in the window is what is wanted."""
    request = render.request
    if not request.full_page:
        return None
    width, height = await render.page.content_size()
    if width <= request.viewport.width and height <= request.viewport.height:
        return None
    scale = request.device_scale_factor
    fitting = fit(width, height, scale=scale, max_side_px=MAX_SIDE_PX[request.format])
    if fitting != (math.ceil(width), math.ceil(height)):
        render.warnings.append(
            f"full_page: the page is {math.ceil(width)} x {math.ceil(height)} CSS pixels; the picture holds "
            f"the first {fitting[0]} x {fitting[1]}"
        )
    return ScreenshotClip(x=0, y=0, width=fitting[0], height=fitting[1], scale=1)


def _require_size(request: RenderRequest) -> None:
    sides = (request.viewport.width, request.viewport.height)
    longest, shortest = (side * request.device_scale_factor for side in (max(sides), min(sides)))
    limit = MAX_SIDE_PX[request.format]
    if longest > limit:
        detail = f"{request.format.value} holds at most {limit} device pixels a side, not {longest:.0f}"
        raise RenderError(ErrorType.INVALID_REQUEST, detail)
    if shortest < 1:  # Chromium would wait for a frame that never comes
        detail = "the viewport times device_scale_factor is less than one device pixel"
        raise RenderError(ErrorType.INVALID_REQUEST, detail)


async def _picture(render: Render, params: Screenshot) -> bytes:
    clock = asyncio.get_running_loop().time
    started, pause = clock(), _FIRST_PAUSE_S
    while True:
        try:
            return await render.page.screenshot(**params)
        except ProtocolError as error:
            if _NO_FRAME not in str(error) or clock() - started > _PATIENCE_S:
                raise
        await asyncio.sleep(pause)
        pause *= 2


async def _one_piece(data: bytes) -> AsyncIterator[bytes]:
    yield data
