"""Signing in with an API key, and signing out."""

import re
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dependencies import OpenDependencies
from api.http.problems import RefusedError
from api.ui.dashboard_page import ROOT
from api.ui.layout.templates import render
from api.ui.layout.theme import keep_theme, theme_of
from api.ui.session.cookie import DashboardSession, drop, keep
from api.ui.session.own_origin import is_behind_tls
from api.ui.viewer import PAGE_HEADERS, read_form
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.tenants.authenticate import digest_of

# A key has 59 characters.
_MAX_BYTES: Final = 8192
# A page of ours. `//` and `/\` would be another host (WHATWG URL, "relative slash state").
_OUR_PAGE: Final = re.compile(rf"{ROOT}(?:[/?][^\\\x00-\x20]*)?")

log = get_logger(__name__)
router = APIRouter(prefix=ROOT)


@router.get("/login")
async def show_login(request: Request) -> Response:
    """The page to sign in. Anybody may see it."""
    return _page(request, wanted=request.query_params.get("next", ""))


@router.post("/login")
async def sign_in(request: Request, dependencies: OpenDependencies) -> Response:
    """Begin a session of a key."""
    form = await read_form(request, max_bytes=_MAX_BYTES)
    wanted, digest = form.text("next"), digest_of(form.text("key"))
    try:
        tenant = await dependencies.authenticator.tenant_of(digest)
    except RefusedError as error:
        if error.type is not ErrorType.UNAUTHORIZED:
            raise
        return _page(request, wanted=wanted, failure="This key is not known here, or does not work any more.")
    if digest is None:
        raise RuntimeError("a text that is no key has a tenant")
    answer = RedirectResponse(wanted if _OUR_PAGE.fullmatch(wanted) else ROOT, HTTPStatus.SEE_OTHER.value)
    keep(answer, DashboardSession.begin(digest), dependencies.vault, is_behind_tls=is_behind_tls(request))
    log.warning("dashboard action", action="signed in", key_id=tenant.key_id)
    return answer


@router.post("/logout")
async def sign_out() -> Response:
    """End the session of this browser."""
    answer = RedirectResponse(f"{ROOT}/login", HTTPStatus.SEE_OTHER.value)
    drop(answer)
    return answer


@router.post("/theme")
async def choose_theme(request: Request) -> Response:
    """Keep light, dark, or what the system has."""
    form = await read_form(request, max_bytes=_MAX_BYTES)
    wanted = form.text("next")
    answer = RedirectResponse(wanted if _OUR_PAGE.fullmatch(wanted) else ROOT, HTTPStatus.SEE_OTHER.value)
    keep_theme(answer, form.text("theme"))
    return answer


def _page(request: Request, *, wanted: str, failure: str | None = None) -> Response:
    text = render("session/login.html", theme=theme_of(request), wanted=wanted, failure=failure)
    status = HTTPStatus.OK if failure is None else HTTPStatus.UNAUTHORIZED
    return HTMLResponse(text, status.value, PAGE_HEADERS)
