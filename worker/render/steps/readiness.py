"""Waits until the page is what the caller wants to see."""

from worker.render.context import Render
from worker.render.waiting.arrival import arrive


async def run(render: Render) -> None:
    """Wait for `wait_until` and the other conditions, see `arrive`.

    Raises:
        RenderError: what `arrive` raises.
    """
    await arrive(render)
