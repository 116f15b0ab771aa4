"""`/livez`, `/readyz` and `/metrics` of a worker, at a Unix socket and, where it is set, WORKER_METRICS_PORT.

In threads of its own, for a loop that does not move cannot say so: it renews a time stamp, and here somebody
looks how old that is. (A loop that is stuck in C code with the interpreter's lock stops these threads too;
then there is no answer, which is one.) The server is the standard library's, as in prometheus_client, which
has loaded it anyway: no memory beyond the threads.
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

_BEAT_S: Final = 0.5
# A caller that sends nothing does not keep its thread.
_SILENT_S: Final = 5.0
# Beyond what the dependencies may take: then the loop does not move.
_DOCUMENT_TIMEOUT_S: Final = ANSWER_TIMEOUT_S + 1.0
_CLOSE_S: Final = 1.0

log = get_logger(__name__)


class Pulse:
    """A time stamp that the event loop renews for as long as it moves."""

    def __init__(self) -> None:
        """Begin, in the loop that is watched."""
        self._loop = asyncio.get_running_loop()
        self._beat()

    @property
    def age_s(self) -> float:
        """Seconds since the last beat; asked by other threads."""
        return time.monotonic() - self._at

    def stop(self) -> None:
        """Leave the loop alone."""
        self._handle.cancel()

    def _beat(self) -> None:
        self._at = time.monotonic()
        self._handle = self._loop.call_later(_BEAT_S, self._beat)


class Status:
    """What is answered, as a WSGI application."""

    def __init__(
        self,
        pulse: Pulse,
        document: Callable[[], Coroutine[Any, Any, WorkerReadinessDocument]],
        *,
        stalled_after_s: float,
    ) -> None:
        """Prepare.

        Args:
            pulse: of the loop.
            document: tells the readiness, in that loop.
            stalled_after_s: a loop that has not moved for so many seconds is stuck.
        """
        self._pulse = pulse
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
        age_s = self._pulse.age_s
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
            reason = f"the event loop has not moved for {self._pulse.age_s:.0f} s"
            return HTTPStatus.SERVICE_UNAVAILABLE, _refusal(reason)
        is_ready = document.status is WorkerReadinessStatus.READY
        return HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE, document.model_dump_json()


def _refusal(reason: str) -> str:
    return json.dumps({"status": "unavailable", "reasons": [reason]})


class _Handler(WSGIRequestHandler):
    """One call a connection."""

    timeout = _SILENT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Health is asked every few seconds: no line for each."""


class _Server(ThreadingMixIn, WSGIServer):
    """At one address, until it is closed; each call has a thread."""

    daemon_threads = True

    def __init__(self, address: Any, application: "WSGIApplication") -> None:
        super().__init__(address, _Handler)
        self.set_app(application)
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="status server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more calls."""
        self._is_closed = True
        with contextlib.suppress(OSError):  # not every system can wake up a socket that listens
            self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_CLOSE_S)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as it is called
        """Whoever asked has gone, or said nothing."""
        log.debug("a call for the status broke off", error=repr(sys.exception()))

    def _serve(self) -> None:
        while not self._is_closed:
            self.handle_request()


class _UnixServer(_Server):
    """At a socket in the file system."""

    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        """Without the host name and port that the library asks for."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()

    def get_request(self) -> tuple[socket.socket, Any]:
        """A caller without an address gets one."""
        request, _ = self.socket.accept()
        return request, ("localhost", 0)


class StatusServer:
    """Listens until it is closed."""

    def __init__(self, application: "WSGIApplication", folder: Path, *, port: int) -> None:
        """Listen.

        Args:
            application: answers.
            folder: of this worker; gets the socket.
            port: on all addresses of this machine; 0 means none.

        Raises:
            SettingsError: the port cannot be had.
        """
        with socket_address(folder) as address:
            self._servers: list[_Server] = [_UnixServer(address, application)]
        if port:
            try:
                self._servers.append(_Server(("0.0.0.0", port), application))
            except OSError as error:
                self.close()
                raise SettingsError(
                    f"renderfleet: cannot listen at RENDERFLEET_WORKER_METRICS_PORT {port}: {error}."
                ) from error

    def close(self) -> None:
        """Take no more calls."""
        for server in self._servers:
            server.close()
