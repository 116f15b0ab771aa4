"""Refuses what the caller does not want to be loaded, and tells what nobody may load.

Refused in the egress proxy, on the way out: intercepting in the browser would cost each request of the page
4 to 7 ms of CPU and its cache.
"""

from dataclasses import replace

from fleet.egress.hosts import HostPatterns
from worker.render import egress_report
from worker.render.context import Render


async def apply(render: Render) -> None:
    """Add `block_requests` to the terms of the page."""
    if render.request.block_requests:
        render.terms = replace(render.terms, blocked_hosts=HostPatterns(render.request.block_requests))


async def tell(render: Render) -> None:
    """Warn of what the page asked for and did not get; what the caller itself blocked is no news.

    Raises:
        RenderError: `egress_unavailable`: parts are missing because of us, so the picture is none.
    """
    if error := egress_report.outage(render.page.port.record):
        raise error
    render.warnings.extend(egress_report.warnings(render.page.port.record))
