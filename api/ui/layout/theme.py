"""Light or dark: as the system has it, or as a cookie says. The server reads it, so no page flashes."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.ui.dashboard_page import ROOT

THEMES: Final = ("system", "light", "dark")
_COOKIE: Final = "renderfleet-theme"
_LIFETIME_S: Final = 365 * 24 * 3600


def theme_of(request: Request) -> str:
    """The theme that the browser wants."""
    wanted = request.cookies.get(_COOKIE, "")
    return wanted if wanted in THEMES else THEMES[0]


def keep_theme(answer: Response, theme: str) -> None:
    """Have the browser keep a theme; one that does not exist is the system's."""
    name = theme if theme in THEMES else THEMES[0]
    answer.set_cookie(_COOKIE, name, max_age=_LIFETIME_S, path=ROOT, httponly=True, samesite="strict")
