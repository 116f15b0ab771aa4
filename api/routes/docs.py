"""The page at `/docs`. It needs no key."""

from functools import lru_cache

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from api.http.default_headers import CONTENT_SECURITY_POLICY
from api.openapi.manual import POLICY, manual_page

router = APIRouter(include_in_schema=False)


@router.head("/docs")
@router.get("/docs")
def read_manual(request: Request) -> Response:
    """The calls of this API as a page. Not `async`: making it would block all other calls for 0.1 s."""
    return HTMLResponse(_page(request.app), headers={CONTENT_SECURITY_POLICY: POLICY})


@lru_cache(maxsize=1)
def _page(app: FastAPI) -> str:
    return manual_page(app.openapi())
