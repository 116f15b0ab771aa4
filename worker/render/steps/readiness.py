"""Waits until the page is what the caller wants to see."""

from worker.render.arrival import arrive
from worker.render.context import Render


async def run(render: Render) -> None:
    """Wait for `wait_until` and the other conditions, see `arrive`.

    Raises:
        RenderError: what `arrive` raises.
    """
    await arrive(render)
