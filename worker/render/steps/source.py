"""Opens what is to be rendered: an address, or the caller's own HTML."""

from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.readiness import WaitUntil
from worker.browser.page import Navigation
from worker.render import egress_report
from worker.render.context import Render

# What Chromium says of a 204 and of a download.
ABORTED: Final = "net::ERR_ABORTED"
# Chromium's words (net/base/net_error_list.h) by their beginning; the first that fits counts.
NET_ERRORS: Final[tuple[tuple[str, ErrorType], ...]] = (
    ("net::ERR_NAME_", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_DNS_", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_ICANN_NAME_COLLISION", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_CERT", ErrorType.TLS_ERROR),
    ("net::ERR_SSL_", ErrorType.TLS_ERROR),
    ("net::ERR_BAD_SSL_", ErrorType.TLS_ERROR),
    ("net::ERR_ECH_", ErrorType.TLS_ERROR),
    ("net::ERR_BLOCKED_", ErrorType.URL_BLOCKED),
    ("net::ERR_UNSAFE_", ErrorType.URL_BLOCKED),
    ("net::ERR_DISALLOWED_URL_SCHEME", ErrorType.URL_BLOCKED),
    ("net::ERR_UNKNOWN_URL_SCHEME", ErrorType.URL_BLOCKED),
    ("net::ERR_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
    ("net::ERR_CONNECTION_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
    ("net::ERR_HTTP_RESPONSE_CODE_FAILURE", ErrorType.HTTP_STATUS_REJECTED),
    (ABORTED, ErrorType.CONTENT_REJECTED),
    # Its own port of the egress proxy is gone.
    ("net::ERR_PROXY_", ErrorType.EGRESS_UNAVAILABLE),
    # No memory, or no room on the disk for shared memory: ours, not the target's.
    ("net::ERR_INSUFFICIENT_RESOURCES", ErrorType.BROWSER_UNAVAILABLE),
    ("net::ERR_OUT_OF_MEMORY", ErrorType.BROWSER_UNAVAILABLE),
)


async def run(render: Render) -> None:
    """Let the page out, and navigate to `url` or write `html` into the empty page.

    Raises:
        RenderError: why the egress proxy let nothing through, or what Chromium's refusal means.
    """
    request, page = render.request, render.page
    if request.wait_until is WaitUntil.NETWORKIDLE:
        await page.lifecycle.follow_requests()
    page.port.admit(render.terms)
    if request.html is not None:
        await page.set_html(request.html)
        return
    assert request.url is not None, "the schema asks for exactly one of the two"  # noqa: S101
    async with render.until_ready("the beginning of the response"):
        navigation = await page.navigate(request.url)
        if navigation.error == ABORTED and not navigation.is_download:
            await page.evaluate(
                "0"
            )  # a renderer that died meanwhile aborts the navigation too, but cannot answer
    if navigation.error:
        raise egress_report.last_refusal(page.port) or _refusal(navigation)


def error_type(net_error: str) -> ErrorType:
    """What a net error of Chromium is to a caller; a connection that failed, if it is no other."""
    for beginning, type_ in NET_ERRORS:
        if net_error.startswith(beginning):
            return type_
    return ErrorType.CONNECTION_FAILED


def _refusal(navigation: Navigation) -> RenderError:
    type_ = error_type(navigation.error)
    if type_ is ErrorType.CONTENT_REJECTED:
        what = "is a download" if navigation.is_download else "has no content to show"
        return RenderError(type_, f"the address {what}")
    return RenderError(type_, f"the browser could not open the address: {navigation.error}")
