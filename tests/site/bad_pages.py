"""Answers that are not ordinary pages: slow, broken, endless, or no page at all."""

import gzip
import importlib.util
import random
import socket
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import brotli

from tests.site import pages
from tests.site.pages import FONTS

if TYPE_CHECKING:
    from collections.abc import Callable

HUGE_BYTES = 100 * 1024 * 1024
Query = dict[str, str]


def slow(handler: Any, query: Query) -> None:
    """Answers after `ms` milliseconds."""
    handler.site.stopping.wait(int(query.get("ms", "300")) / 1000)
    handler.send(200, b"<!doctype html><title>slow</title><p>late")


def never(handler: Any, _: Query) -> None:
    """Sends the beginning of a page, and no more."""
    handler.begin(200)
    handler.wfile.write(b"<!doctype html><title>never</title><p>" + b"the beginning " * 200)
    handler.wfile.flush()
    handler.site.stopping.wait()


def silent(handler: Any, _: Query) -> None:
    """Accepts the request and never answers."""
    handler.site.stopping.wait()


def hang_up(handler: Any, _: Query) -> None:
    """Closes the connection without an answer."""
    handler.close_connection = True


def status(handler: Any, query: Query) -> None:
    """Answers with `code`, with or without a body."""
    body = b"" if query.get("empty") else b"<!doctype html><title>status</title><p>an error page"
    handler.send(int(query["code"]), body)


def redirect(handler: Any, query: Query) -> None:
    """Redirects to `to`."""
    handler.send(302, b"", Location=query["to"])


def short(handler: Any, query: Query) -> None:
    """Sends fewer bytes than its Content-Length, with the content type `type`, and closes the connection."""
    handler.begin(200, query.get("type", "text/html"), **{"Content-Length": "100000"})
    handler.wfile.write(b"<!doctype html><title>short</title><p>the first part")
    handler.close_connection = True


def cut_chunk(handler: Any, _: Query) -> None:
    """Sends a page in chunks, and closes the connection before the last one."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    handler.wfile.write(head + b"21\r\n<!doctype html><title>cut</title>\r\n")
    handler.close_connection = True


def reset(handler: Any, _: Query) -> None:
    """Sends the beginning of a page, and resets the connection."""
    handler.begin(200, **{"Content-Length": "100000"})
    handler.wfile.write(b"<!doctype html><title>reset</title><p>the first part")
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def mislabelled(handler: Any, _: Query) -> None:
    """Sends plain text with `Content-Encoding: gzip`."""
    handler.send(200, b"<!doctype html><title>text</title>", **{"Content-Encoding": "gzip"})


def coded(handler: Any, query: Query) -> None:
    """A page or a part of one, compressed as `coding` says. Of `cut` bodies only the first half is sent.

    `framing` tells how the answer says where it ends: by its length, its last chunk, or with the connection.
    """
    content, type_ = _CODED[urlsplit(handler.path).path]
    body = _CODINGS[query["coding"]](content)
    is_cut = query.get("cut") or handler.headers["X-Cut"]
    sent = body[: len(body) // 2] if is_cut else body
    framing, headers = query.get("framing", "length"), {"Content-Encoding": query["coding"]}
    if framing == "length":
        headers["Content-Length"] = str(len(sent))
    elif framing == "chunk":
        headers["Transfer-Encoding"] = "chunked"
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(sent), sent)
    handler.protocol_version = "HTTP/1.1"
    handler.begin(200, type_, **headers)
    handler.wfile.write(sent)
    handler.close_connection = True


def in_zstandard(content: bytes) -> bytes:
    """One raw block in one frame (RFC 8878, 3.1.1)."""
    block = (len(content) << 3 | 1).to_bytes(3, "little") + content
    return (0xFD2FB528).to_bytes(4, "little") + b"\xa0" + len(content).to_bytes(4, "little") + block


_NOISE = random.Random(0).randbytes(3000).hex()  # noqa: S311 - the same each time
_FETCHES_ITSELF = "<script>fetch(location.href, {headers: {'X-Cut': '1'}, cache: 'no-store'})</script>"
_CODED = {
    path: (f"{content}<!--{_NOISE}-->".encode(), type_)
    for path, content, type_ in (
        ("/coded", "<!doctype html><title>coded</title>", "text/html"),
        ("/coded/fetching", f"<!doctype html><title>coded</title>{_FETCHES_ITSELF}", "text/html"),
        ("/coded/waiting", "<!doctype html><title>coded</title><img src=/silent>", "text/html"),
        ("/coded/style", "", "text/css"),
        ("/coded/script", "document.title = 'run'\n", "text/javascript"),
        ("/coded/image", "", "image/png"),
    )
}
_CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": in_zstandard}


def not_stored(handler: Any, query: Query) -> None:
    """An answer of `size` bytes after `ms` milliseconds, for pages of all origins; it may not be cached."""
    handler.begin(200, "text/plain", **{"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"})
    handler.wfile.flush()
    handler.site.stopping.wait(int(query.get("ms", "0")) / 1000)
    handler.wfile.write(b"x" * int(query.get("size", "2")))


def no_content(handler: Any, _: Query) -> None:
    handler.send_response(204)
    handler.end_headers()


def download(handler: Any, _: Query) -> None:
    body = b"x" * 1000
    handler.send(
        200, body, "application/octet-stream", **{"Content-Disposition": "attachment; filename=x.bin"}
    )


def huge(handler: Any, query: Query) -> None:
    """Sends a page of 100 MB, or of `bytes`."""
    size = int(query.get("bytes", HUGE_BYTES))
    handler.begin(200, **{"Content-Length": str(size)})
    piece = b"<p>a piece<!--" + b"x" * 65_520 + b"-->"
    for _ in range(size // len(piece)):
        handler.wfile.write(piece)
    handler.wfile.write(b" " * (size % len(piece)))


def isolated(handler: Any, query: Query) -> None:
    """Sends a page that requires a process of its own: Chromium starts another renderer for it."""
    body = pages.hungry(query).encode()
    handler.send(200, body, **{"Cross-Origin-Opener-Policy": "same-origin"})


def font(handler: Any, query: Query) -> None:
    """Answers a request for a font late, with 404, so that the browser uses another font."""
    handler.site.stopping.wait(int(query.get("ms", "400")) / 1000)
    handler.send(404, b"")


def good_font(handler: Any, _: Query) -> None:
    """Sends a font that is part of matplotlib."""
    handler.send(200, font_file(Path(handler.path).name), "font/ttf")


def font_file(name: str) -> bytes:
    """A font that is part of matplotlib."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name).read_bytes()


def added_style(handler: Any, _: Query) -> None:
    """Sends a style sheet for `#p`."""
    handler.send(200, b"#p { color: rgb(7, 8, 9) }", "text/css")


def added_script(handler: Any, _: Query) -> None:
    """Sends a script that names the page."""
    handler.send(200, b"document.title = 'added'", "text/javascript")


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {
    "/slow": slow,
    "/never": never,
    "/silent": silent,
    "/hang-up": hang_up,
    "/status": status,
    "/redirect": redirect,
    "/short": short,
    "/cut-chunk": cut_chunk,
    "/reset": reset,
    "/mislabelled": mislabelled,
    **dict.fromkeys(_CODED, coded),
    "/not-stored": not_stored,
    "/no-content": no_content,
    "/download": download,
    "/huge": huge,
    "/isolated": isolated,
    "/font": font,
    "/added.css": added_style,
    "/added.js": added_script,
    **{f"/fonts/{name}.ttf": good_font for name in FONTS},
}
