"""Loads and draws all of a page, also what lies outside its window, before its picture is taken."""

from typing import Final

from worker.render.context import Render
from worker.render.full_page.far_frames import draw_far_frames
from worker.render.full_page.repair import draw_beyond_window
from worker.render.full_page.scroll import MAX_IMAGES_S, Scrolled, scroll_through
from worker.render.full_page.virtual_list import fill_list
from worker.render.waiting.settle import settle

_VIRTUAL: Final = (
    "full_page: the page draws only those rows of a list that are in its window, so that others are missing "
    "in the picture (a virtual list)"
)
_NOT_DRAWN: Final = (
    "full_page: %d frames of other sites below the window are not drawn: they are too many or too large"
)
# A page that became so many times as high while it was scrolled through has no end of its own.
_GROWN: Final = 2


async def prepare(render: Render, *, max_height: float, is_changed: bool = False) -> None:
    """Load and draw the page down to `max_height` CSS pixels, and warn of what cannot be had.

    Args:
        render: the work.
        max_height: how much of the page is wanted.
        is_changed: whether the page was changed just before and may not be at rest.

    Raises:
        RenderError: `memory_limit_exceeded`, see `fill_list`; `content_rejected`: the page goes on to another
            address, or its scripts run without an end.
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    page, request = render.page, render.request
    if not request.java_script_enabled:
        await draw_beyond_window(page)  # without scripts images are not lazy, and nothing reacts to a scroll
        return
    if request.full_page_scroll:
        scrolled = await scroll_through(render, max_height=max_height)
        _warn(render, scrolled)
        if scrolled.has_scrolled or is_changed:
            await settle(render)
            await render.require_staying()
        if scrolled.is_virtual and not await fill_list(render, max_height=max_height):
            render.warnings.append(_VIRTUAL)
    await draw_beyond_window(page)
    if left_out := await draw_far_frames(page, max_height=max_height, scale=request.device_scale_factor):
        render.warnings.append(_NOT_DRAWN % left_out)


def _warn(render: Render, scrolled: Scrolled) -> None:
    """Tell of what the scroll has shown."""
    warnings = render.warnings
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
