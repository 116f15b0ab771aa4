"""All labelled pages, and a web server that has them with what they refer to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, cast
from urllib.parse import urlsplit

from tests.site import pictures
from tests.verdicts.page import LabelledPage, pages_of
from tests.verdicts.pages import fine, incomplete, unfinished, walls

KINDS: Final = (
    unfinished.BLANK,
    incomplete.HALF_LOADED,
    incomplete.BROKEN_STYLES,
    walls.BOT_WALL,
    walls.LOGIN_WALL,
    walls.ERROR_PAGE,
    unfinished.SKELETON,
    unfinished.SPINNER,
    fine.FINE,
    fine.RISKY,
)
PAGES: Final = tuple(page for kind in KINDS for page in pages_of(kind))

_BASE: Final = (
    b"body{font:16px/1.5 Arial;margin:0;color:#222;background:#fff}header{padding:16px}main{padding:32px}"
)
_HTML: Final = "text/html; charset=utf-8"
# In a page: the server under a name of another site.
_OTHER: Final = "{other}"
OTHER_HOST: Final = "other.site.test"


class _Handler(BaseHTTPRequestHandler):
    stopping: threading.Event
    by_path: dict[str, LabelledPage]
    moved: dict[str, str]

    @property
    def port(self) -> int:
        return cast("_Server", self.server).server_port

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        kind, _, name = path.lstrip("/").partition("/")
        if (page := self.by_path.get(path)) is not None:
            other = f"http://{OTHER_HOST}:{self.port}"
            self._send(page.status, page.html.replace(_OTHER, other).encode(), _HTML)
        elif (target := self.moved.get(path)) is not None:
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "img":
            self._send(200, pictures.photo(int(name.removesuffix(".jpg"))), "image/jpeg")
        elif kind == "css":
            self._send(200, _BASE, "text/css")
        elif kind == "fallback":  # a server that answers everything with its start page
            self._send(200, b"<!doctype html><title>start</title>", _HTML)
        elif kind == "hang":
            self.stopping.wait()
        else:
            self._send(404, b"<!doctype html>nothing", _HTML)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: browsers close connections."""


@contextmanager
def served() -> Iterator[str]:
    """The server; its address without a path."""

    class Handler(_Handler):
        stopping = threading.Event()
        by_path = {page.path: page for page in PAGES}  # noqa: RUF012 - never changed
        moved = {page.asked: page.path for page in PAGES if page.asked != page.path}  # noqa: RUF012 - never changed

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        Handler.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
