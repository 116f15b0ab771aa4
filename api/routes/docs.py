"""The manual at `/docs`. No key is asked."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.http.default_headers import CONTENT_SECURITY_POLICY
from api.openapi.manual import POLICY, manual_page

router = APIRouter(include_in_schema=False)


@router.head("/docs")
@router.get("/docs")
async def read_manual(request: Request) -> Response:
    """The calls of this API as a page."""
    page = manual_page(request.app.openapi())
    return HTMLResponse(page, headers={CONTENT_SECURITY_POLICY: POLICY})
