"""Makes the whole page ready for one picture: all of it loaded, and all of it drawn."""

import math
from typing import Final

from worker.browser.devtools import ProtocolError
from worker.browser.protocol import ScreenshotClip
from worker.render.context import Render
from worker.render.full_page.inner_scroller import expand_scroller
from worker.render.full_page.prepare import prepare
from worker.render.overlays.popups import hide_popups
from worker.render.picture.ignored import find_ignored
from worker.render.picture.look import apply_look
from worker.render.picture.picture_size import largest

_NOT_EXPANDED: Final = (
    "full_page: the page scrolls in an element of its own, of which %d CSS pixels could not be shown"
)


async def run(render: Render) -> None:
    """Leave in `render.area` what the picture shows of the page.

    Raises:
        RenderError: `content_rejected` when the page goes on to another address meanwhile, or what
            `apply_look` raises.
    """
    render.hold_document()
    request = render.request
    if not request.full_page:
        return
    try:
        expanded = await expand_scroller(render.page)
        if expanded and not expanded.is_whole:
            render.warnings.append(_NOT_EXPANDED % expanded.grown_px)
            render.cut_height += math.ceil(expanded.grown_px)
        limit = _fitting(render, request.viewport.width, math.inf)[1]
        await prepare(render, max_height=limit, is_changed=expanded is not None)
        if request.block_popups:
            render.blocked.popups += await hide_popups(render.page)  # some come when one scrolls
        await apply_look(render)  # an animation that is put to its end may make the page longer
        await find_ignored(render)
        await render.page.disable_scripts()
        render.area = await _area(render)
    except ProtocolError as error:
        render.require_same_document(cause=error)
        raise


def _fitting(render: Render, width: float, height: float) -> tuple[int, int]:
    """The part of a page of this size that the picture holds, in CSS pixels."""
    request = render.request
    wanted = min(height, request.full_page_max_height_px or math.inf, 10**9)
    scale = request.device_scale_factor
    return largest(width, wanted, scale=scale, format_=request.format)


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
        render.cut_height += max(0, math.ceil(wanted) - fitting[1])
    return ScreenshotClip(x=0, y=0, width=fitting[0], height=fitting[1], scale=1)
