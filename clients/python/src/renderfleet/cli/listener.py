"""A receiver of webhooks for trying them: it verifies each message, and passes it on if it is asked to."""

import queue
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

import httpx2

from renderfleet.cli.output.terminal import clean
from renderfleet.errors import SignatureInvalid, UnexpectedAnswer
from renderfleet.webhook_signature import verify_webhook

# The largest message that is read.
MOST_BYTES: Final = 4 * 1024 * 1024
FORWARD_TIMEOUT_S: Final = 10.0
_PASSED_ON: Final = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


class Listener:
    """A web server on this machine.

    Attributes:
        secret: verifies the messages. Empty: none is believed.
    """

    def __init__(self, port: int, *, forward: str | None) -> None:
        self.secret = ""
        self._forward = forward
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def messages(self, count: int | None) -> Iterator[str]:
        """One line for each message, `count` of them, or for ever."""
        while count is None or count > 0:
            yield self._lines.get()
            count = None if count is None else count - 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            """Answers one message."""

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(min(length, MOST_BYTES))
                status, line = listener.received(body, dict(self.headers.items()))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if line:
                    listener.put(line)

            def log_message(self, *_: object) -> None:
                """Say nothing: the messages are what is printed."""

        return Handler

    def put(self, line: str) -> None:
        """Give a line to who reads `messages`."""
        self._lines.put(line)

    def received(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Verify and pass on a message. Returns the status for its sender, and the line to print."""
        try:
            message = verify_webhook(body, headers, self.secret)
        except (SignatureInvalid, UnexpectedAnswer) as error:
            return HTTPStatus.BAD_REQUEST, f"refused\t{clean(str(error))}"
        job = message.data
        words = [message.type, job.id, job.error.type if job.error else "", job.source]
        if self._forward is None:
            return HTTPStatus.NO_CONTENT, "\t".join(clean(word) for word in words)
        status, told = self._passed_on(body, headers)
        return status, "\t".join([*(clean(word) for word in words), told])

    def _passed_on(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The status with which the other address answers, which is then the answer to the sender."""
        kept = {name: value for name, value in headers.items() if name.lower() in _PASSED_ON}
        try:
            answer = httpx2.post(self._forward or "", content=body, headers=kept, timeout=FORWARD_TIMEOUT_S)
        except httpx2.TransportError as error:
            return HTTPStatus.BAD_GATEWAY, f"not passed on: {clean(str(error))}"
        return answer.status_code, f"passed on: {answer.status_code}"
