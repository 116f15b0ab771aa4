"""The address itself, `/`: says what this is and where to go."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fleet import VERSION

router = APIRouter(include_in_schema=False)


@router.head("/")
@router.get("/")
async def read_root(request: Request) -> Response:
    """Lead a browser to the dashboard, or to the manual if there is none. Tell others what there is."""
    has_dashboard: bool = request.app.state.has_dashboard
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/ui" if has_dashboard else "/docs", HTTPStatus.SEE_OTHER.value)
    places = {"manual": "/docs", "openapi": "/openapi.json", "jobs": "/v1/jobs"}
    if has_dashboard:
        places["dashboard"] = "/ui"
    return JSONResponse(
        {
            "name": "renderfleet",
            "version": VERSION,
            "what": "Turns web addresses and HTML into pictures and PDFs. Calls need an API key.",
            "places": places,
        }
    )
