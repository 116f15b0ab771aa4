"""Refuses what the caller does not want to be loaded.

Refused in the egress proxy, on the way out: intercepting in the browser would cost each request of the page
4 to 7 ms of CPU and its cache.
"""

from dataclasses import replace

from fleet.egress.hosts import HostPatterns
from worker.render.context import Render


async def run(render: Render) -> None:
    """Add `block_requests` to the terms of the page."""
    blocked = render.request.block_requests
    if not blocked:
        return
    render.terms = replace(render.terms, blocked_hosts=HostPatterns(blocked))
