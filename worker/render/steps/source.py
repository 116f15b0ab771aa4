"""Opens what is to be rendered: an address, or the caller's own HTML."""

import asyncio
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.readiness import WaitUntil
from worker.browser.page import Navigation
from worker.render import egress_report
from worker.render.context import Render
from worker.render.net_errors import ABORTED, error_type, is_of_our_proxy
from worker.render.waiting.settle import keep_account

# Chromium's error page is a document of no bytes; the time is for a machine that is busy.
_ERROR_PAGE_TIMEOUT_S: Final = 5.0
_BYTE_ORDER_MARK: Final = "\ufeff"


async def run(render: Render) -> None:
    """Let the page out, and navigate to `url` or write `html` into the empty page.

    Raises:
        RenderError: why the egress proxy let nothing through, or what Chromium's refusal means.
    """
    request, page = render.request, render.page
    if request.wait_until is WaitUntil.NETWORKIDLE:
        await page.requests.follow()
    elif request.wait_until is WaitUntil.AUTO:
        await keep_account(page, is_written=request.html is not None)
    if request.fail_on_failed_request:
        await page.failures.follow()
    page.port.admit(render.terms)
    if request.html is not None:
        # The browser takes one off what it decodes (encoding.spec.whatwg.org, "decode"). This is not decoded:
        # the mark would be text before the doctype, which means quirks mode and an empty line.
        html = request.html.removeprefix(_BYTE_ORDER_MARK)
        async with render.until_ready("the page's scripts, which run while it is written"):
            await page.set_html(html)
        return
    assert request.url is not None, "the schema asks for exactly one of the two"  # noqa: S101
    async with render.until_ready("the beginning of the response"):
        navigation = await page.navigate(request.url)
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
        return render.request.url or ""
