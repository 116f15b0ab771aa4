"""Waits after a step has changed the page, which may have led it to another document."""

from worker.render.context import Render
from worker.render.waiting.arrival import arrive, look_again
from worker.render.waiting.load_wait import is_replaced
from worker.render.waiting.settle import settle


async def wait_after_change(render: Render, loader: str) -> None:
    """Wait until the page is at rest again, or until the document that it was led to is there.

    Args:
        render: whose page was changed.
        loader: Chromium's id of the document that was changed.

    Raises:
        RenderError: what `arrive` raises.
        DevToolsError: the page or its browser ended.
    """
    await render.page.lifecycle.wait_start()
    if not is_replaced(render.page, loader):
        await settle(render)
    if is_replaced(render.page, loader):
        await arrive(render, is_first=False)
    else:
        await look_again(render)
