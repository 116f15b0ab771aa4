"""What each scope shows: on every page all that the key may do, and no link and no button more.

Nothing here names a page: the routes of the dashboard are walked, so that a new one is walked too.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final, get_args
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.ui.dashboard_page import ROOT
from api.ui.site import add_dashboard
from api.ui.viewer import Operating, Reading, Rendering, Viewing
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.patience import PATIENCE_S
from tests.ui.kit.dashboard import Dashboard

FORM: Final = {"Sec-Fetch-Site": "same-origin"}
ROUTES: Final = [route for route in add_dashboard(FastAPI()) if isinstance(route, APIRoute)]
# What asks who is there, by the scope that it asks for.
_NEEDED: Final = {
    get_args(kind)[1].dependency: scope
    for kind, scope in (
        (Viewing, None),
        (Reading, Scope.READ),
        (Rendering, Scope.RENDER),
        (Operating, Scope.ADMIN),
    )
}
# What docs/tenants.md says of the scopes.
ALLOWED: Final[dict[Scope, set[Scope | None]]] = {
    Scope.LINKS: {None},
    Scope.READ: {None, Scope.READ},
    Scope.RENDER: {None, Scope.READ, Scope.RENDER},
    Scope.ADMIN: {None, Scope.ADMIN},
}


def questions_of(route: APIRoute) -> list[Any]:
    """What asks who is there before a route answers."""
    return [one.call for one in route.dependant.dependencies if one.call in _NEEDED]


def needed_for(route: APIRoute) -> Scope | None:
    """The scope that a route asks for; None: any key, or nobody is asked."""
    (found,) = {_NEEDED[one] for one in questions_of(route)} or {None}
    return found


def route_of(method: str, path: str) -> APIRoute:
    """The route that a link or a form of a page leads to."""
    scope = {"type": "http", "method": method, "path": path}
    return next(route for route in ROUTES if route.matches(scope)[0] is Match.FULL)


@dataclass
class Offers(HTMLParser):
    """Where the links and forms of a page lead, as methods and routes."""

    address: str
    found: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._offer("GET", given.get("href"))
        self._offer("GET", given.get("hx-get"))
        self._offer("POST", given.get("formaction"))
        if tag == "form":
            self._offer((given.get("method") or "get").upper(), given.get("action"))

    def _offer(self, method: str, address: str | None) -> None:
        parts = urlsplit(urljoin(self.address, address or ""))
        if address and not parts.netloc and f"{parts.path}/".startswith(f"{ROOT}/"):
            self.found.add((method, route_of(method, parts.path).path))


@asynccontextmanager
async def signed_in(dashboard: Dashboard, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=dashboard.address, trust_env=False, timeout=PATIENCE_S) as client:
        answer = await client.post(f"{ROOT}/login", data={"key": key}, headers=FORM)
        assert answer.status_code == 303
        yield client


async def offered(client: httpx.AsyncClient, path: str) -> set[tuple[str, str]]:
    """What a page offers; nothing if it is no page, or leads elsewhere."""
    answer = await client.get(path)
    if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/html"):
        return set()
    page = Offers(path)
    page.feed(answer.text)
    return page.found


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_key_sees_what_it_may_do_and_no_more(full: Dashboard, scope: Scope) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name=full.tenant_name, key_name="one scope", scopes=frozenset({scope})
        )
    allowed = {
        (method, route.path): needed_for(route) in ALLOWED[scope]
        for route in ROUTES
        for method in route.methods or ()
    }
    # What no page shows, such as a key to revoke, need not be there.
    filled = defaultdict(lambda: "none", full.filled)
    async with signed_in(full, key) as client, signed_in(full, full.key) as everything:
        for (method, route_path), is_allowed in allowed.items():
            path = route_path.format_map(filled)
            if not is_allowed:
                answer = await client.request(method, path, headers=FORM)
                assert answer.status_code == 403, (method, path)
            elif method == "GET" and route_path != f"{ROOT}/live":  # a stream has no end
                whole = await offered(everything, path)
                assert await offered(client, path) == {one for one in whole if allowed[one]}, path


async def test_every_route_asks_who_is_there_but_those_before_signing_in() -> None:
    asked = {route.path for route in ROUTES if questions_of(route)}
    open_to_all = {f"{ROOT}{rest}" for rest in ("/files/{name}", "/login", "/logout", "/theme")}
    assert {route.path for route in ROUTES} - asked == open_to_all
