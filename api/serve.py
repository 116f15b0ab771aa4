"""`python -m api`: the API on API_HOST and API_PORT. Its process is replaced after API_MAX_REQUESTS requests.

If API_MAX_REQUESTS is 0, this process serves without end. Otherwise it opens the socket and becomes the
supervisor (`api/server/supervisor.py`), which runs `python -m api` again as a child, with the socket and a
channel.
"""

import asyncio
import gc
import os
import socket
import sys
from typing import Final, NoReturn

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.main import create_app
from api.server.bounded_connection import ConnectionLimits, connection_within
from api.server.retirement import Retirement
from api.settings import ApiSettings
from fleet.settings import SettingsError, load_settings

# As many connections as uvicorn lets wait by default.
_BACKLOG: Final = 2048


def main(words: list[str]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        words: empty, or (from a supervisor) the file descriptors of the socket and the channel.

    Raises:
        fleet.settings.SettingsError: a setting is missing or wrong, or the port cannot be used.
        SystemExit: with 1, the application cannot start; the log says why.
    """
    settings = load_settings(ApiSettings)
    if words:
        listener, channel = (socket.socket(fileno=int(word)) for word in words)
    else:
        listener, channel = _listen(settings), None
        if settings.api_max_requests:
            _become_supervisor(listener)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, channel))


def _listen(settings: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    address = (settings.api_host, settings.api_port)
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"renderfleet: cannot listen at {settings.api_host} port {settings.api_port}: {error}. "
            "RENDERFLEET_API_HOST and RENDERFLEET_API_PORT choose another one."
        ) from error


def _become_supervisor(listener: socket.socket) -> NoReturn:
    listener.set_inheritable(True)
    command = (sys.executable, "-m", "api.server.supervisor", str(listener.fileno()))
    os.execv(sys.executable, command)  # noqa: S606 - no shell, our own words


async def _serve(settings: ApiSettings, listener: socket.socket, channel: socket.socket | None) -> None:
    app = create_app()
    _spare_collections()
    retirement = Retirement(app, max_requests=settings.api_max_requests)
    server = uvicorn.Server(uvicorn_config(retirement, settings))
    if channel is None:
        await _run(server, listener)
        return
    reader, writer = await asyncio.open_connection(sock=channel)
    part = asyncio.create_task(
        retirement.serve_until_replaced(server, reader, writer, release=lambda: _release_waiters(app))
    )
    try:
        await _run(server, listener)
    finally:
        part.cancel()
        writer.close()


def _spare_collections() -> None:
    """Let garbage collections look only at what is made from now on.

    The 100,000 objects that exist now live as long as the process. To look at all of them takes some tens of
    milliseconds, in which no call goes on.
    """
    gc.collect()
    gc.freeze()


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        sys.exit(1)  # not uvicorn's 3: all programs of renderfleet exit with 1 if they cannot start


def uvicorn_config(app: ASGIApp, settings: ApiSettings) -> uvicorn.Config:
    """The configuration of uvicorn: unused features are off, and everything has a limit."""
    limits = ConnectionLimits(
        connections=settings.api_max_connections,
        head_bytes=settings.api_max_head_bytes,
        head_timeout_s=settings.api_head_timeout_s,
        send_timeout_s=settings.api_send_timeout_s,
    )
    return uvicorn.Config(
        app,
        http=connection_within(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing depends on who calls from where
        timeout_keep_alive=settings.api_keep_alive_s,
        timeout_graceful_shutdown=settings.api_shutdown_grace_s,
    )


def _release_waiters(app: FastAPI) -> None:
    app.state.dependencies.waiters.release()
