"""The manual at `/docs`, and the pages for callers below it. They need no key."""

from functools import lru_cache

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from api.http.default_headers import CONTENT_SECURITY_POLICY
from api.http.problems import not_found
from api.openapi.guides import guide_page
from api.openapi.manual import POLICY, STYLE, manual_page

router = APIRouter(include_in_schema=False)


@router.head("/docs")
@router.get("/docs")
def read_manual(request: Request) -> Response:
    """The calls of this API as a page. Not `async`: making it would block all other calls for 0.1 s."""
    return HTMLResponse(_page(request.app), headers={CONTENT_SECURITY_POLICY: POLICY})


@router.head("/docs/{name}")
@router.get("/docs/{name}")
def read_guide(name: str) -> Response:
    """A page of docs/ for callers."""
    page = _guide(name.removesuffix(".md"))
    if page is None:
        raise not_found("page of the manual")
    return HTMLResponse(page, headers={CONTENT_SECURITY_POLICY: POLICY})


@lru_cache(maxsize=1)
def _page(app: FastAPI) -> str:
    return manual_page(app.openapi())


@lru_cache(maxsize=32)
def _guide(name: str) -> str | None:
    return guide_page(name, STYLE)
