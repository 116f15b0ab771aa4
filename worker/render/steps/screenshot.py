"""Makes the picture."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.output import DEFAULT_QUALITY, Format, Optimize
from fleet.render.request import RenderRequest
from worker.browser.devtools import ProtocolError
from worker.browser.protocol import Screenshot
from worker.render.context import Render
from worker.render.file_facts import picture_size
from worker.render.picture.blank import blank_share
from worker.render.picture.element import element_area
from worker.render.picture.encoder import Encoding, encode
from worker.render.picture.ignored import find_ignored
from worker.render.picture.look import apply_look
from worker.render.picture.part import clip_area
from worker.render.picture.picture_size import MAX_PIXELS, MAX_SIDE_PX, result_size
from worker.resources.memory.picture_budget import LARGE_PIXELS

# Right after a load there may be no frame yet. Measured: gone within two frames.
_NO_FRAME: Final = "Unable to capture screenshot"
_FIRST_PAUSE_S: Final = 0.01
_PATIENCE_S: Final = 3.0


async def run(render: Render) -> None:
    """Leave the picture in `render.content`.

    Raises:
        RenderError: `invalid_request` when the format cannot carry a picture of that size,
            `memory_limit_exceeded` when the picture would take too much memory, `content_rejected` when the
            page goes on to another address meanwhile, or what `element_area`, `clip_area` and `apply_look`
            raise.
    """
    request = render.request
    _require_size(request)
    params = Screenshot(optimizeForSpeed=True)
    width: float = request.viewport.width
    height: float = request.viewport.height
    if not request.full_page:
        await _choose(render)
    if area := render.area:
        params |= Screenshot(clip=area, captureBeyondViewport=True)
        width, height = area["width"], area["height"]
    pixels = width * height * request.device_scale_factor**2
    await render.page.memory.expect_picture(pixels)
    render.content = _one_piece(await _encoded(render, params, pixels))


async def _encoded(render: Render, params: Screenshot, pixels: float) -> bytes:
    """Take the picture and encode it: in Chromium, or in a process of our own what Chromium cannot do."""
    request = render.request
    quality = request.quality or DEFAULT_QUALITY.get(request.format, 0)
    is_small = request.optimize is Optimize.SIZE
    is_resized = request.width_px is not None or request.height_px is not None
    # Chromium encodes on the thread that answers all pages: a large WebP keeps it busy for 4 to 10 s.
    is_slow = request.format is Format.WEBP and pixels > LARGE_PIXELS
    is_ours = is_small or is_resized or is_slow or request.format is Format.AVIF
    params["format"] = (Format.PNG if is_ours else request.format).value
    if quality and not is_ours:
        params["quality"] = quality
    picture = await _picture(render, params)
    render.require_same_document()
    render.blank_share = await blank_share(picture)
    if not is_ours:
        return picture
    size = result_size(picture_size(picture), request.width_px, request.height_px)
    if size is not None:
        _require_result(request, size)
    return await encode(picture, Encoding(request.format.value, quality, is_small=is_small, size=size))


def _require_result(request: RenderRequest, size: tuple[int, int]) -> None:
    side, pixels = MAX_SIDE_PX[request.format], MAX_PIXELS[request.format]
    if max(size) > side or size[0] * size[1] > pixels:
        name = "height_px" if request.width_px is None else "width_px"
        detail = (
            f"{name}: the picture would be {size[0]:,} x {size[1]:,} pixels; {request.format.value} may have "
            f"{side:,} a side and {pixels:,} in all"
        )
        raise RenderError(ErrorType.INVALID_REQUEST, detail)


async def _choose(render: Render) -> None:
    """Leave in `render.area` the part of the page that was asked for, and have it look as asked."""
    request = render.request
    try:
        if request.selector is not None:
            render.area = await element_area(render)
        elif request.clip is not None:
            render.area = await clip_area(render, request.clip)
        await apply_look(render)
        await find_ignored(render)
        if render.area is not None:
            await render.page.disable_scripts()
    except ProtocolError as error:
        render.require_same_document(cause=error)
        raise


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
