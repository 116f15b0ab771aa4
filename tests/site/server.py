"""A small web server with many kinds of pages, for tests and for the benchmark."""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.site import bad_pages, bombs, finished, floods, gallery, heavy_pages, leaky_pages, pages, pictures
from tests.site.overlays import pages as overlays

WAIT_S = 30.0
HTML = "text/html; charset=utf-8"


class Site:
    """A web server on a free loopback port, as a context manager.

    Attributes:
        visits: how many requests each path has had.
        answered: how many of them were answered completely.
    """

    def __init__(self) -> None:
        self.visits: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        site = self

        class Handler(_Handler):
            pass

        Handler.site = site
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str) -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_visited(self, path: str, times: int = 1) -> None:
        """Block until a path has had that many requests."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.visits[path] >= times, WAIT_S), (
                f"nobody asked for {path}"
            )

    def count(self, counter: Counter[str], path: str) -> None:
        with self._changed:
            counter[path] += 1
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: tests make browsers close connections."""


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.site.count(self.site.visits, path)
        try:
            self._answer(path)
        except ConnectionError:
            self.close_connection = True  # the browser has closed the connection, which many tests cause
        else:
            self.site.count(self.site.answered, path)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def _answer(self, path: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if (page := PAGES.get(path)) is not None:
            self.send(200, page(query).encode())
        elif path.startswith("/photo/"):
            self.send(
                200, pictures.photo(int(path.removeprefix("/photo/").removesuffix(".jpg"))), "image/jpeg"
            )
        elif (behaviour := BEHAVIOURS.get(path)) is not None:
            behaviour(self, query)
        else:
            self.send(404, b"<!doctype html><title>not here</title>")

    def send(self, status: int, body: bytes, content_type: str = HTML, **headers: str) -> None:
        self.begin(status, content_type, **{"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def begin(self, status: int, content_type: str = HTML, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing, so that only the product's logs are shown."""


Behaviour = Callable[[_Handler, dict[str, str]], None]
BEHAVIOURS: dict[str, Behaviour] = (
    bad_pages.BEHAVIOURS
    | heavy_pages.BEHAVIOURS
    | finished.BEHAVIOURS
    | gallery.BEHAVIOURS
    | overlays.BEHAVIOURS
)
PAGES = {**pages.PAGES, **leaky_pages.PAGES, **bombs.PAGES, **floods.PAGES}
