"""Makes the whole page ready for one picture: all of it loaded, and all of it drawn."""

import math
from typing import Final

from worker.browser.devtools import ProtocolError
from worker.browser.protocol import ScreenshotClip
from worker.render.context import Render
from worker.render.full_page.far_frames import draw_far_frames
from worker.render.full_page.inner_scroller import expand_scroller
from worker.render.full_page.repair import draw_beyond_window
from worker.render.full_page.scroll import MAX_IMAGES_S, Scrolled, scroll_through
from worker.render.picture_size import MAX_SIDE_PX, fit
from worker.render.settle import settle

_VIRTUAL: Final = (
    "full_page: the page draws only those rows of a list that are in its window, so that others are missing "
    "in the picture (a virtual list)"
)
_NOT_EXPANDED: Final = (
    "full_page: the page scrolls in an element of its own, of which %d CSS pixels could not be shown"
)
_NOT_DRAWN: Final = (
    "full_page: %d frames of other sites below the window are not drawn: they are too many or too large"
)
# A page that became so many times as high while it was scrolled through has no end of its own.
_GROWN: Final = 2


async def run(render: Render) -> None:
    """Leave in `render.area` what the picture shows of the page.

    Raises:
        RenderError: `content_rejected` when the page goes on to another address meanwhile.
    """
    render.hold_document()
    request = render.request
    if not request.full_page:
        return
    try:
        await _prepare(render)
        await render.page.freeze()
        render.area = await _area(render)
    except ProtocolError as error:
        render.require_same_document(cause=error)
        raise


async def _prepare(render: Render) -> None:
    """Load and draw all of the page, and tell of what cannot be had."""
    page, request = render.page, render.request
    expanded = await expand_scroller(page)
    if expanded and not expanded.is_whole:
        render.warnings.append(_NOT_EXPANDED % expanded.grown_px)
    limit = _fitting(render, request.viewport.width, math.inf)[1]
    if request.full_page_scroll:
        scrolled = await scroll_through(page, max_height=limit)
        _warn(render, scrolled)
        if scrolled.has_scrolled or expanded:
            await settle(render)
    await draw_beyond_window(page)
    if left_out := await draw_far_frames(page, max_height=limit, scale=request.device_scale_factor):
        render.warnings.append(_NOT_DRAWN % left_out)


def _warn(render: Render, scrolled: Scrolled) -> None:
    """Tell of what the scroll has shown."""
    warnings = render.warnings
    if scrolled.is_virtual:
        warnings.append(_VIRTUAL)
    if scrolled.missing_images:
        warnings.append(
            f"full_page: {scrolled.missing_images} images had not come {MAX_IMAGES_S:.0f} s after the page "
            "was scrolled through"
        )
    if scrolled.is_cut and scrolled.height > _GROWN * scrolled.first_height:
        warnings.append(
            f"full_page: the page grew from {scrolled.first_height:.0f} to {scrolled.height:.0f} CSS pixels "
            "while it was scrolled through, and may have grown further"
        )


def _fitting(render: Render, width: float, height: float) -> tuple[int, int]:
    """The part of a page of this size that the picture holds, in CSS pixels."""
    request = render.request
    wanted = min(height, request.full_page_max_height_px or math.inf, 10**9)
    scale = request.device_scale_factor
    return fit(width, wanted, scale=scale, max_side_px=MAX_SIDE_PX[request.format])


async def _area(render: Render) -> ScreenshotClip | None:
    """What of the page one picture can hold; None: what is in the window is what is wanted."""
    request = render.request
    width, height = await render.page.content_size()
    wanted = min(height, request.full_page_max_height_px or math.inf)
    is_in_window = width <= request.viewport.width and height <= request.viewport.height
    if is_in_window and (request.full_page_max_height_px or math.inf) >= request.viewport.height:
        return None
    fitting = _fitting(render, width, height)
    if fitting != (math.ceil(width), math.ceil(wanted)):
        render.warnings.append(
            f"full_page: the page is {math.ceil(width)} x {math.ceil(height)} CSS pixels; the picture holds "
            f"the first {fitting[0]} x {fitting[1]}"
        )
    return ScreenshotClip(x=0, y=0, width=fitting[0], height=fitting[1], scale=1)
