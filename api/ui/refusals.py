"""Refusals and failures as pages, in place of the problem documents that calls get."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.problems import ERROR_HEADER, RETRY_AFTER_S, RefusedError, request_id_of
from api.ui.dashboard_page import ROOT
from api.ui.layout.templates import render
from api.ui.layout.theme import theme_of
from api.ui.viewer import PAGE_HEADERS, wants_fragment
from fleet.errors import ErrorType, RenderfleetError

# A page that cannot be shown at the moment asks again by itself, also without script.
_AGAIN_S: Final = 5
LOGIN: Final = f"{ROOT}/login"


def is_of_dashboard(request: Request) -> bool:
    """Whether a request is for the dashboard."""
    path = request.scope["path"]
    return bool(path == ROOT or path.startswith(f"{ROOT}/"))


def refusal_page(request: Request, error: RenderfleetError) -> Response:
    """The answer to a request for a page that cannot be shown, or for an action that is not done."""
    if error.type is ErrorType.UNAUTHORIZED:
        return _to_login(request)
    status = error.type.kind.status
    is_away = status is HTTPStatus.SERVICE_UNAVAILABLE
    headers = {**PAGE_HEADERS, ERROR_HEADER: error.type.value}
    headers |= error.headers if isinstance(error, RefusedError) else {}
    if is_away:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if wants_fragment(request):
        return Response(error.detail, status.value, headers, "text/plain; charset=utf-8")
    is_read = request.method in ("GET", "HEAD")
    if is_away and is_read:
        headers["Refresh"] = str(_AGAIN_S)
    text = render(
        "layout/refusal.html",
        theme=theme_of(request),
        title=error.title,
        detail=error.detail,
        status=status.value,
        again_s=_AGAIN_S if is_away and is_read else None,
        request_id=request_id_of(request),
    )
    return HTMLResponse(text, status.value, headers)


def _to_login(request: Request) -> Response:
    """Lead to the page to sign in, and from there back to the page that was wanted."""
    if wants_fragment(request):
        # The browser follows a 303 by itself, and the script would put the page into the open one.
        return Response(status_code=HTTPStatus.UNAUTHORIZED.value, headers={"HX-Redirect": LOGIN})
    path, query = request.scope["path"], request.url.query
    wanted = f"{path}?{query}" if query else path
    is_page = request.method == "GET" and path not in (ROOT, LOGIN)
    return RedirectResponse(
        f"{LOGIN}?next={quote(wanted, safe='/')}" if is_page else LOGIN, HTTPStatus.SEE_OTHER.value
    )
