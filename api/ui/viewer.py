"""Who looks at a page, what they may do, and how a page answers.

A route takes a parameter of the type `Viewing` (any key), `Reading`, `Rendering` or `Operating`. Somebody
without a session gets the page to sign in; somebody whose key lacks the scope is refused.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, cast
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access.authenticate import may, require
from api.dependencies import Dependencies, dependencies_of
from api.http.default_headers import CONTENT_SECURITY_POLICY
from api.http.noted_caller import note_caller
from api.http.problems import RefusedError
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.layout.templates import render
from api.ui.layout.theme import theme_of
from api.ui.session.cookie import seal_text, session_of, unseal_text
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Scope, Tenant

# No inline script or style can run, and nothing comes from elsewhere or goes there.
PAGE_HEADERS: Final = {
    CONTENT_SECURITY_POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # With `no-referrer`, browsers would write `Origin: null` into our own forms (WHATWG Fetch, section 3.2).
    "Referrer-Policy": "same-origin",
    # With this header of a request, the same address answers with a fragment instead of the whole page.
    "Vary": "HX-Request",
}
# The cookie with what a form has left to say to the next page, and how long it lasts.
_SAID: Final = "renderfleet-said"
_SAID_S: Final = 60

log = get_logger(__name__)


class SentForm:
    """What a browser has sent with a form (`application/x-www-form-urlencoded`)."""

    def __init__(self, body: bytes) -> None:
        self._fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000)

    def text(self, name: str) -> str:
        """One field without spaces at its ends; empty if it is not there."""
        return self._fields.get(name, [""])[-1].strip()

    def raw(self, name: str) -> str:
        """One field as it was sent; empty if it is not there."""
        return self._fields.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """All fields of this name, as checkboxes make them."""
        return self._fields.get(name, [])

    def lists(self) -> dict[str, list[str]]:
        """All values of each field."""
        return self._fields

    def fields(self) -> dict[str, str]:
        """The last value of each field."""
        return {name: values[-1] for name, values in self._fields.items()}


@dataclass(frozen=True, slots=True)
class Viewer:
    """One request of somebody who has signed in."""

    request: Request
    dependencies: Dependencies
    tenant: Tenant

    def may(self, needed: Scope | None) -> bool:
        """Whether the key may do what needs this scope."""
        return needed is None or may(self.tenant, needed)

    @property
    def wants_fragment(self) -> bool:
        """Whether the page is open already and only its living part is wanted."""
        return wants_fragment(self.request)

    def page(
        self,
        template: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        is_live: bool = False,
        every_s: int = 1,
        **values: Any,
    ) -> Response:
        """A page, or its block `live` alone if the browser has the rest.

        Args:
            template: its name, such as `pages/fleet/fleet.html`.
            status: of the answer.
            is_live: whether the block `live` is fetched anew when something has changed.
            every_s: seconds between two of these, at least.
            values: what the template shows.
        """
        said = None if self.wants_fragment else self._said()
        text = render(
            template,
            layout="layout/fragment.html" if self.wants_fragment else "layout/base.html",
            viewer=self,
            theme=theme_of(self.request),
            pages=[page for page in self._pages if page.is_in_navigation and self.may(page.needed)],
            address=self.address,
            is_live=is_live,
            every_s=every_s,
            said=said,
            **values,
        )
        answer = HTMLResponse(text, status.value, PAGE_HEADERS)
        if said is not None:
            answer.delete_cookie(_SAID, path=ROOT, httponly=True, samesite="strict")
        return answer

    def back(self, path: str, said: str | None = None, *, is_failure: bool = False) -> Response:
        """Lead the browser to a page after a form, which then says what has happened.

        Args:
            path: of the page, such as `/ui/fleet`.
            said: a sentence for the person; None: none.
            is_failure: whether it tells of something that did not work.
        """
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER.value)
        if said is not None:
            words = seal_text(
                self.dependencies.vault, json.dumps([said, is_failure]), key_id=self.tenant.key_id
            )
            answer.set_cookie(_SAID, words, max_age=_SAID_S, path=ROOT, httponly=True, samesite="strict")
        return answer

    def audit(self, action: str, **facts: object) -> None:
        """Record in the log what somebody has done. `facts` have no secrets."""
        log.warning("dashboard action", action=action, key_id=self.tenant.key_id, **facts)

    async def form(self) -> SentForm:
        """The form that was sent.

        Raises:
            RefusedError: it is too large.
            starlette.requests.ClientDisconnect: the browser went away.
        """
        return await read_form(self.request, max_bytes=self.dependencies.settings.api.api_max_body_bytes)

    @property
    def address(self) -> str:
        """Path and query of this page."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    @property
    def _pages(self) -> tuple[DashboardPage, ...]:
        return cast("tuple[DashboardPage, ...]", self.request.app.state.dashboard_pages)

    def home(self) -> str:
        """The first page that this key may see."""
        return next(
            (page.path for page in self._pages if page.is_in_navigation and self.may(page.needed)),
            f"{ROOT}/nothing",
        )

    def _said(self) -> tuple[str, bool] | None:
        """What the form before this page has left to say, and whether it is a failure."""
        words = unseal_text(
            self.dependencies.vault, self.request.cookies.get(_SAID, ""), key_id=self.tenant.key_id
        )
        if words is None:
            return None
        said, is_failure = json.loads(words)
        return said, is_failure


def wants_fragment(request: Request) -> bool:
    """Whether a script of an open page asks, not the browser itself."""
    return "hx-request" in request.headers


async def read_form(request: Request, *, max_bytes: int) -> SentForm:
    """The form that was sent.

    Raises:
        RefusedError: it is larger than `max_bytes`, has too many fields, or did not arrive in time.
        starlette.requests.ClientDisconnect: the browser went away.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(dependencies_of(request).settings.api.api_body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise RefusedError(
                        ErrorType.BODY_TOO_LARGE, f"the form may have {max_bytes:,} bytes at most"
                    )
    except TimeoutError:
        raise RefusedError(ErrorType.INVALID_REQUEST, "the form did not arrive in time") from None
    try:
        return SentForm(bytes(body))
    except ValueError as error:
        raise RefusedError(ErrorType.INVALID_REQUEST, "the form has too many fields") from error


async def viewer_of(request: Request, needed: Scope | None) -> Viewer:
    """Who sends this request.

    Raises:
        RefusedError: unauthorized, rate_limited or forbidden.
        UnavailableError: the key is not remembered and Postgres does not answer.
    """
    dependencies = dependencies_of(request)
    session = session_of(request, dependencies.vault)
    tenant = await dependencies.authenticator.tenant_of(None if session is None else session.digest)
    note_caller(request.scope, tenant)
    # As for calls: who has to stop a flood of calls must not be refused because of it.
    if not may(tenant, Scope.ADMIN):
        await dependencies.rates.admit(request.scope, tenant)
    if needed is not None:
        require(tenant, needed)
    return Viewer(request, dependencies, tenant)


async def _any(request: Request) -> Viewer:
    return await viewer_of(request, None)


async def _reader(request: Request) -> Viewer:
    return await viewer_of(request, Scope.READ)


async def _renderer(request: Request) -> Viewer:
    return await viewer_of(request, Scope.RENDER)


async def _operator(request: Request) -> Viewer:
    return await viewer_of(request, Scope.ADMIN)


Viewing = Annotated[Viewer, Depends(_any)]
Reading = Annotated[Viewer, Depends(_reader)]
Rendering = Annotated[Viewer, Depends(_renderer)]
Operating = Annotated[Viewer, Depends(_operator)]
