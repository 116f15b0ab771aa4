"""A page with 50 sub-resources over http and https with keep-alive, in a process that is not measured.

`python -m tests.bench.clients.egress_site FOLDER`: prints its two ports.
"""

import asyncio
import io
import ssl
import sys
from pathlib import Path
from typing import Final, cast

import trustme
import uvloop
from PIL import Image

from tests.bench.clients.responder import Document, respond
from tests.site.pictures import photo

# About the median page of the HTTP Archive: mostly pictures, some scripts and styles, 1 MB in all.
PICTURES: Final = 34
SCRIPTS: Final = 12
STYLES: Final = 4
RESOURCES: Final = PICTURES + SCRIPTS + STYLES
HOST: Final = "localhost"
_END: Final = b"\r\n\r\n"
_SCRIPT: Final = b"/* " + b"x" * 8_000 + b" */ window.n = (window.n || 0) + 1;"
_STYLE: Final = b"/* " + b"x" * 4_000 + b" */ p { margin: 1px }"
_PHOTOS: Final = 8
_PICTURE_PX: Final = (450, 300)


def _page() -> bytes:
    styles = "".join(f"<link rel=stylesheet href=/style/{number}>" for number in range(STYLES))
    scripts = "".join(f"<script src=/script/{number}></script>" for number in range(SCRIPTS))
    pictures = "".join(f"<img width=120 src=/picture/{number}>" for number in range(PICTURES))
    return f"<!doctype html><title>50</title>{styles}{scripts}<h1>50</h1>{pictures}<p>text".encode()


class Server(asyncio.Protocol):
    """One keep-alive connection of HTTP/1.1; it answers GET only."""

    def __init__(self, contents: dict[bytes, bytes]) -> None:
        self._contents = contents
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(_END)) >= 0:
            head, self._held = self._held[:end], self._held[end + len(_END) :]
            self._transport.write(self._contents.get(head.split(b" ", 2)[1], _NOTHING))
            if b"\nconnection: close" in head.lower():
                self._transport.close()


def _answer(body: bytes, kind: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Cache-Control: no-store\r\n\r\n" + body


_NOTHING: Final = _answer(b"", "text/plain", "404 Not Found")


def _thumbnail(number: int) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(photo(number))) as picture:
        picture.resize(_PICTURE_PX).save(file, "JPEG", quality=85)
    return file.getvalue()


def contents() -> dict[bytes, bytes]:
    """All answers of the site, ready to be sent."""
    photos = [_thumbnail(number) for number in range(_PHOTOS)]
    return {
        b"/": _answer(_page(), "text/html"),
        **{f"/style/{number}".encode(): _answer(_STYLE, "text/css") for number in range(STYLES)},
        **{f"/script/{number}".encode(): _answer(_SCRIPT, "text/javascript") for number in range(SCRIPTS)},
        **{
            f"/picture/{number}".encode(): _answer(photos[number % _PHOTOS], "image/jpeg")
            for number in range(PICTURES)
        },
    }


async def _nothing(_: Document) -> Document:
    return {}


async def _main(folder: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.issue_cert(HOST).private_key_and_cert_chain_pem.tempfile(str(folder)) as pem:
        context.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    site = contents()
    plain = await loop.create_server(lambda: Server(site), "127.0.0.1", 0)
    secure = await loop.create_server(lambda: Server(site), "127.0.0.1", 0, ssl=context)
    http, https = (server.sockets[0].getsockname()[1] for server in (plain, secure))
    size_bytes = sum(map(len, site.values()))
    await respond(_nothing, http=http, https=https, size_bytes=size_bytes)


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))
