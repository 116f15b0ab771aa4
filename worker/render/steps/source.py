"""Opens what is to be rendered: an address, or the caller's own document or files."""

import asyncio
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.readiness import WaitUntil
from worker.browser.page import Navigation
from worker.egress.own_site import bundle
from worker.render.composing.composed import composed, fill_index
from worker.render.context import Render
from worker.render.reports import egress_report
from worker.render.reports.net_errors import ABORTED, error_type, is_of_our_proxy

# Chromium's error page is a document of no bytes; the time is for a machine that is busy.
_ERROR_PAGE_TIMEOUT_S: Final = 5.0


async def run(render: Render) -> None:
    """Let the page out, and navigate to `url` or to the files, or write a document into the empty page.

    Raises:
        RenderError: why the egress proxy let nothing through, or what Chromium's refusal means.
    """
    request, page = render.request, render.page
    if request.wait_until is WaitUntil.NETWORKIDLE:
        await page.requests.follow()
    if request.fail_on_failed_request:
        await page.failures.follow()
    html = await composed(request) if request.is_written else None
    if request.data is not None and isinstance(render.terms.own_site, bundle.Bundle):
        await fill_index(request, render.terms.own_site)
    page.port.admit(render.terms)
    if html is not None:
        async with render.until_ready("the page's scripts, which run while it is written"):
            await page.set_html(html)
        return
    address = request.url or bundle.ADDRESS
    async with render.until_ready("the beginning of the response"):
        navigation = await page.navigate(address)
        if navigation.error == ABORTED and not navigation.is_download:
            await page.require_alive()  # a renderer that died meanwhile aborts the navigation too
        if navigation.error:
            raise await _failure(render, navigation)


async def _failure(render: Render, navigation: Navigation) -> RenderError:
    type_ = error_type(navigation.error)
    if type_ is ErrorType.CONTENT_REJECTED:
        what = "is a download" if navigation.is_download else "has no content to show"
        return RenderError(type_, f"the address {what}")
    detail = f"the browser could not open the address: {navigation.error}"
    if render.replay is not None and render.replay.missing:
        return RenderError(ErrorType.NOT_REPLAYABLE, "the address of the page is not in the evidence")
    if not is_of_our_proxy(navigation.error):
        return RenderError(type_, detail)
    url = await _failed_address(render)
    port = render.page.port
    ours = egress_report.refusal(port, url) or egress_report.bypass(port, url)
    return ours or egress_report.cut(port.record) or RenderError(type_, detail)


async def _failed_address(render: Render) -> str:
    """Where the navigation failed, redirects followed: Chromium says so with its error page."""
    try:
        async with asyncio.timeout(_ERROR_PAGE_TIMEOUT_S):
            return await render.page.lifecycle.wait_unreachable()
    except TimeoutError:
        return render.request.url or bundle.ADDRESS
