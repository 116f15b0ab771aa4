"""Sends the page out as its caller wants to be seen."""

from dataclasses import replace

from pydantic_core import Url

from fleet.egress.hosts import without_brackets
from worker.egress.terms import Upstream
from worker.render.context import Render


async def run(render: Render) -> None:
    """Put the caller's own proxy between the page and the world."""
    proxy = render.request.proxy
    if proxy is None:
        return
    address = Url(proxy.address)
    upstream = Upstream(
        proxy.scheme,
        host=without_brackets(address.host or ""),
        port=address.port or 0,
        username=proxy.username or "",
        password=proxy.password or "",
    )
    render.terms = replace(render.terms, upstream=upstream)
