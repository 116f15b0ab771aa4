"""`/livez`, `/readyz` and `/metrics` of a worker: at a Unix socket, and at WORKER_METRICS_PORT if it is set.

The server runs in threads of its own, because an event loop that is blocked cannot answer. The loop renews a
time stamp, and a thread checks how old it is. If the loop is blocked in C code that holds the interpreter's
lock, these threads are blocked too, and the call gets no answer. The server is the one of the standard
library that prometheus_client has loaded anyway, so it needs no memory except for its threads.
"""

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from fleet.settings import SettingsError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.probes import ANSWER_TIMEOUT_S
from worker.health.ask import socket_address
from worker.health.readiness import WorkerReadinessDocument, WorkerReadinessStatus

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_RENEWAL_INTERVAL_S: Final = 0.5
# A caller that sends nothing for this long loses its connection, so that its thread ends.
_SILENCE_TIMEOUT_S: Final = 5.0
# Longer than the dependencies may take to answer. After that the loop must be blocked.
_DOCUMENT_TIMEOUT_S: Final = ANSWER_TIMEOUT_S + 1.0
_CLOSE_TIMEOUT_S: Final = 1.0

log = get_logger(__name__)


class LoopMonitor:
    """A time stamp that the event loop renews while it is not blocked."""

    def __init__(self) -> None:
        """Start nothing yet. Call this in the loop that is to be monitored."""
        self._loop = asyncio.get_running_loop()
        self._renewed_at = time.monotonic()
        self._handle: asyncio.TimerHandle | None = None

    @property
    def age_s(self) -> float:
        """Seconds since the last renewal. Other threads may read it."""
        return time.monotonic() - self._renewed_at

    def start(self) -> None:
        """Renew the time stamp from now on."""
        self._renew()

    def stop(self) -> None:
        """Renew the time stamp no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        self._handle = self._loop.call_later(_RENEWAL_INTERVAL_S, self._renew)


class StatusApp:
    """Answers calls; a WSGI application."""

    def __init__(
        self,
        monitor: LoopMonitor,
        document: Callable[[], Coroutine[Any, Any, WorkerReadinessDocument]],
        *,
        stalled_after_s: float,
    ) -> None:
        """Prepare.

        Args:
            monitor: of the worker's event loop.
            document: makes the document of `/readyz`, in that loop.
            stalled_after_s: `/livez` fails once the loop has been blocked for so many seconds.
        """
        self._monitor = monitor
        self._document = document
        self._stalled_after_s = stalled_after_s
        self._loop = asyncio.get_running_loop()
        self._metrics: WSGIApplication = make_wsgi_app()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a GET or HEAD."""
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return self._metrics(environ, start_response)
        if path == "/livez":
            status, document = self._livez()
        elif path == "/readyz":
            status, document = self._readyz()
        else:
            status, document = HTTPStatus.NOT_FOUND, _refusal("there is only /livez, /readyz and /metrics")
        headers = [("Content-Type", "application/json")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [document.encode()]

    def _livez(self) -> tuple[HTTPStatus, str]:
        age_s = self._monitor.age_s
        if age_s > self._stalled_after_s:
            return HTTPStatus.SERVICE_UNAVAILABLE, _refusal(f"the event loop has not moved for {age_s:.0f} s")
        return HTTPStatus.OK, json.dumps({"status": "alive"})

    def _readyz(self) -> tuple[HTTPStatus, str]:
        livez = self._livez()
        if livez[0] is not HTTPStatus.OK:
            return livez
        answer = asyncio.run_coroutine_threadsafe(self._document(), self._loop)
        try:
            document = answer.result(_DOCUMENT_TIMEOUT_S)
        except TimeoutError:
            answer.cancel()
            reason = f"the event loop has not moved for {self._monitor.age_s:.0f} s"
            return HTTPStatus.SERVICE_UNAVAILABLE, _refusal(reason)
        is_ready = document.status is WorkerReadinessStatus.READY
        return HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE, document.model_dump_json()


def _refusal(reason: str) -> str:
    return json.dumps({"status": "unavailable", "reasons": [reason]})


class _Handler(WSGIRequestHandler):
    """Answers one call per connection."""

    timeout = _SILENCE_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Log nothing: orchestrators call every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    """Listens at one address until it is closed; each call is answered in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: Any, application: "WSGIApplication") -> None:
        super().__init__(address, _Handler)
        self.set_app(application)
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="status server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._is_closed = True
        with contextlib.suppress(OSError):  # not every system can shut down a socket that listens
            self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_CLOSE_TIMEOUT_S)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Log that the caller closed the connection, or sent nothing for too long."""
        log.debug("a call to the status server failed", error=repr(sys.exception()))

    def _serve(self) -> None:
        while not self._is_closed:
            self.handle_request()


class _UnixServer(_Server):
    """Listens at a socket in the file system."""

    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        """Bind the socket. The library would look up a host name and a port, which a Unix socket has not."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a call, with an address as the library needs it: callers at a Unix socket have none."""
        request, _ = self.socket.accept()
        return request, ("localhost", 0)


class StatusServer:
    """Listens at the Unix socket and at the port, from `start` to `stop`."""

    def __init__(self, application: "WSGIApplication", folder: Path, *, port: int) -> None:
        """Do not listen yet.

        Args:
            application: answers the calls.
            folder: this worker's own; the socket is created there.
            port: to listen at on all addresses of this machine; 0: only at the socket.
        """
        self._application = application
        self._folder = folder
        self._port = port
        self._servers: list[_Server] = []

    async def start(self) -> None:
        """Start listening.

        Raises:
            SettingsError: the port is in use, or may not be used.
        """
        with socket_address(self._folder) as address:
            self._servers.append(_UnixServer(address, self._application))
        if not self._port:
            return
        try:
            self._servers.append(_Server(("0.0.0.0", self._port), self._application))
        except OSError as error:
            await self.stop()
            raise SettingsError(
                f"renderfleet: cannot listen at RENDERFLEET_WORKER_METRICS_PORT {self._port}: {error}."
            ) from error

    async def stop(self) -> None:
        """Stop listening."""
        while self._servers:
            await asyncio.to_thread(self._servers.pop().close)
