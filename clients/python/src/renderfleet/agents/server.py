"""The server: which tools it has, and how it is run."""

import json
import socket
from collections.abc import Callable, Collection
from typing import Any, Final

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from renderfleet.agents.job_tools import add_job_tools
from renderfleet.agents.render_tools import add_render_tools
from renderfleet.agents.schedule_tools import add_schedule_tools
from renderfleet.agents.sessions import KeyOfCall, OwnKey, Sessions, bearer
from renderfleet.agents.words import INSTRUCTIONS
from renderfleet.http.transport import VERSION
from renderfleet.target import Target

# What can be allowed besides.
ALLOWABLE: Final = ("schedules",)
PATH: Final = "/mcp"
# 2 MiB of HTML, of which each character may be escaped.
_MOST_BODY_BYTES: Final = 16 * 1024 * 1024


def server_with(sessions: Sessions, allowed: Collection[str]) -> MCPServer[Any]:
    """A server with the tools.

    Args:
        sessions: gives each tool its client.
        allowed: of `ALLOWABLE`.
    """
    server: MCPServer[Any] = MCPServer(
        "renderfleet",
        title="renderfleet",
        description="Pictures and PDFs of web pages.",
        instructions=INSTRUCTIONS,
        version=VERSION,
        log_level="WARNING",
    )
    add_render_tools(server, sessions)
    add_job_tools(server, sessions)
    if "schedules" in allowed:
        add_schedule_tools(server, sessions)
    return server


def run_stdio(target: Target, allowed: Collection[str]) -> None:
    """Serve the process that has started this one, with the key of this one, until it closes stdin."""
    server_with(OwnKey(target), allowed).run("stdio")


def run_http(
    url: str, allowed: Collection[str], *, host: str, port: int, listening: Callable[[], None]
) -> None:
    """Serve over HTTP, statelessly, until SIGTERM or Ctrl-C. Each call carries an API key.

    Args:
        url: of the API.
        allowed: of `ALLOWABLE`.
        host: to listen at.
        port: to listen at.
        listening: is called when calls can be made.

    Raises:
        OSError: it cannot listen there.
    """
    app = server_with(KeyOfCall(url), allowed).streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        max_request_body_size=_MOST_BODY_BYTES,
        host=host,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        listening()
        uvicorn.Server(uvicorn.Config(NeedsKey(app), log_level="warning")).run(sockets=[listener])


class NeedsKey:
    """Refuses calls without an API key. Whether it works, the API says when a tool is used."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        if scope["type"] != "http" or bearer(Headers(scope=scope).get("authorization", "")):
            await self._app(scope, receive, send)
            return
        body = json.dumps({"error": "send an API key as `Authorization: Bearer KEY`"}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", b"Bearer"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})
