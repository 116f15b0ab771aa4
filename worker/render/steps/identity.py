"""Gives the page the headers, credentials, cookies, storage and proxy of the caller, for the target alone."""

import time
from collections.abc import Iterable
from dataclasses import replace

from pydantic_core import Url

from fleet.egress.hosts import without_brackets
from fleet.errors import ErrorType, RenderError
from fleet.render.cookies import Cookie
from fleet.render.options.identity import Proxy
from fleet.render.origins import host_of, origin_of
from fleet.render.request_headers import AUTHORIZATION, TRACEPARENT
from fleet.telemetry.traces import traceparent
from worker.browser.devtools import ProtocolError
from worker.browser.protocol import CookieParam
from worker.egress.terms import Upstream
from worker.render.context import Render


async def run(render: Render) -> None:
    """Put the caller's own proxy between the page and the world; give the page what its target will be sent.

    Raises:
        RenderError: `invalid_request`: Chromium refuses one of the cookies.
    """
    request = render.request
    if request.proxy is not None:
        render.terms = replace(render.terms, upstream=_upstream(request.proxy))
    if request.url is None:
        return
    headers = dict(request.headers)
    if request.basic_auth is not None:
        # Sent at once, as curl does: many a server answers 404 instead of asking who it is. Nothing ever
        # answers a question for credentials, of whatever origin or proxy.
        headers[AUTHORIZATION] = request.basic_auth.header
    if request.send_traceparent:
        headers |= _traceparent(render)
    if headers:
        await render.page.headers.add(origin_of(request.url), headers)
    if request.cookies or request.storage_state is not None:
        await _set_cookies(render, request.url)
        await _fill_storage(render, request.url)


def _traceparent(render: Render) -> dict[str, str]:
    known = traceparent()
    if known is None:
        render.warnings.append("send_traceparent: the call that made this job had no valid `traceparent`")
        return {}
    return {TRACEPARENT: known}


def _upstream(proxy: Proxy) -> Upstream:
    address = Url(proxy.address)
    return Upstream(
        proxy.scheme,
        host=without_brackets(address.host or ""),
        port=address.port or 0,
        username=proxy.username or "",
        password=proxy.password or "",
    )


async def _set_cookies(render: Render, target: str) -> None:
    """Those of `storage_state` first, so that one of the same name in `cookies` replaces it."""
    state = render.request.storage_state
    stored = () if state is None else state.cookies
    own = [cookie for cookie in stored if cookie.is_for(target)]
    if len(own) < len(stored):
        render.warnings.append(_left_out("cookies", len(stored) - len(own)))
    cookies = [_as_protocol(cookie, target) for cookie in _fresh(render, [*own, *render.request.cookies])]
    if not cookies:
        return
    try:
        await render.page.storage_seed.set_cookies(cookies)
    except ProtocolError as error:
        detail = "cookies: the browser refuses one of them, such as one whose name begins with __Http-"
        raise RenderError(ErrorType.INVALID_REQUEST, detail) from error


def _fresh(render: Render, cookies: Iterable[Cookie]) -> list[Cookie]:
    now = time.time()
    given = list(cookies)
    fresh = [cookie for cookie in given if cookie.expires is None or cookie.expires > now]
    if expired := len(given) - len(fresh):
        render.warnings.append(f"identity: cookies that have expired were not sent: {expired}")
    return fresh


def _as_protocol(cookie: Cookie, target: str) -> CookieParam:
    said = CookieParam(
        name=cookie.name,
        value=cookie.value,
        path=cookie.path,
        secure=cookie.secure,
        httpOnly=cookie.httpOnly,
    )
    if cookie.domain is not None and cookie.domain.startswith("."):
        said["domain"] = cookie.domain
    else:
        scheme = "https" if cookie.secure else Url(target).scheme
        said["url"] = f"{scheme}://{host_of(target)}{cookie.path}"
    if cookie.sameSite is not None:
        said["sameSite"] = cookie.sameSite.value
    if cookie.expires is not None:
        said["expires"] = cookie.expires
    return said


async def _fill_storage(render: Render, target: str) -> None:
    state = render.request.storage_state
    if state is None:
        return
    origin = origin_of(target)
    entries = {
        entry.name: entry.value
        for stored in state.origins
        if stored.origin == origin
        for entry in stored.localStorage
    }
    if entries:
        await render.page.storage_seed.plant(origin, entries)
    if others := sum(stored.origin != origin for stored in state.origins):
        render.warnings.append(_left_out("origins", others))


def _left_out(what: str, number: int) -> str:
    return f"identity: {what} in `storage_state` that do not belong to `url` were left out: {number}"
