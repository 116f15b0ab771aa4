"""Small pictures in large files: a PDF of their page contains the complete files."""

import functools
import io
import os
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.site import pages

if TYPE_CHECKING:
    from collections.abc import Callable

Query = dict[str, str]


def gallery(handler: Any, query: Query) -> None:
    """A page with `n` pictures of `bytes` each."""
    pictures = "".join(
        f"<img src='/heavy.jpg?number={number}&bytes={query['bytes']}' width=60>"
        for number in range(int(query["n"]))
    )
    handler.send(200, pages.document("gallery", pictures).encode())


def heavy(handler: Any, query: Query) -> None:
    """A small JPEG, different for each `number`, with random bytes after its end that decoders ignore."""
    file = io.BytesIO()
    Image.new("RGB", (60, 60), (int(query["number"]) % 256, 30, 30)).save(file, "JPEG")
    handler.send(200, file.getvalue() + _noise(int(query["bytes"])), "image/jpeg")


@functools.cache
def _noise(size: int) -> bytes:
    return os.urandom(size)


def advertised(handler: Any, query: Query) -> None:
    """An article with `n` (60) requests for advertisements: one half scripts by path, one half by host."""
    half, port = int(query.get("n", "60")) // 2, handler.server.server_port
    parts = "".join(
        f"<script async src='http://cdn.site.test:{port}/pagead/conversion.js?{number}'></script>"
        f"<img src='http://a{number}.ads.site.test:{port}/photo/{number % 12}.jpg' width=300 height=200>"
        for number in range(half)
    )
    text = "<p>The ferry crosses the bay every two hours, in every weather.</p>" * 40
    handler.send(200, pages.document("advertised", text + parts).encode())


def advertisement(handler: Any, _: Query) -> None:
    """A script as advertisements have: 40 KB, which adds a box and works for a moment."""
    work = (
        "const box = document.createElement('div'); box.textContent = 'ad'; document.body.append(box);"
        "let sum = 0; for (let i = 0; i < 3e5; i++) sum += Math.sqrt(i); box.title = sum;"
    )
    handler.send(200, f"(() => {{ {work} }})() /*{'x' * 40_000}*/".encode(), "text/javascript")


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {
    "/gallery": gallery,
    "/heavy.jpg": heavy,
    "/advertised": advertised,
    "/pagead/conversion.js": advertisement,
}
