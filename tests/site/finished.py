"""Pages that finish after their load event, each in its own way, and what they ask for.

The pages are in the folder beside this module. What is finished at some time is in the left half of their
window, what goes on for ever in the right half.
"""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.site.bad_pages import font_file

if TYPE_CHECKING:
    from collections.abc import Callable

Query = dict[str, str]

FOLDER = Path(__file__).with_name("finished")
VENDOR = Path(__file__).with_name("vendor")
NAMES = sorted(path.stem for path in FOLDER.glob("*.html"))
WINDOW = {"width": 640, "height": 360}
# Of the picture, what is the same for ever once the page is finished.
COMPARED = (0, 0, 320, 360)

_SOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_EVERY_S = 0.25
_SQUARE = 24


def _wait(handler: Any, query: Query) -> None:
    handler.site.stopping.wait(int(query.get("ms", "0")) / 1000)


def data(handler: Any, query: Query) -> None:
    """Numbers, after `ms` milliseconds."""
    _wait(handler, query)
    body = json.dumps({"values": [130, 210, 260]}).encode()
    handler.send(200, body, "application/json", **{"Access-Control-Allow-Origin": "*"})


def picture(handler: Any, query: Query) -> None:
    """A chequered square, after `ms` milliseconds."""
    _wait(handler, query)
    image = Image.new("RGB", (100, 100), (200, 120, 50))
    for number in range(0, 16, 2):
        left, top = number % 4 * _SQUARE + number // 4 % 2 * _SQUARE, number // 4 * _SQUARE
        image.paste((50, 120, 200), (left, top, left + _SQUARE, top + _SQUARE))
    file = io.BytesIO()
    image.save(file, "PNG")
    handler.send(200, file.getvalue(), "image/png", **{"Cache-Control": "no-store"})


def font(handler: Any, query: Query) -> None:
    """A font, after `ms` milliseconds."""
    _wait(handler, query)
    handler.send(200, font_file("DejaVuSansMono.ttf"), "font/ttf")


def module(handler: Any, query: Query) -> None:
    """A JavaScript module, after `ms` milliseconds."""
    _wait(handler, query)
    body = b"export const draw = (left) => (left.innerHTML = `<div class='card'>there</div>`);"
    handler.send(200, body, "text/javascript")


def events(handler: Any, _: Query) -> None:
    """Server-Sent Events for ever."""
    handler.begin(200, "text/event-stream")
    number = 0
    while not handler.site.stopping.wait(_EVERY_S):
        number += 1
        handler.wfile.write(b"data: %d\n\n" % number)
        handler.wfile.flush()


def socket(handler: Any, _: Query) -> None:
    """A WebSocket that sends numbers for ever."""
    key = handler.headers["Sec-WebSocket-Key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + _SOCKET_GUID, usedforsecurity=False).digest())
    handler.wfile.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    number = 0
    while not handler.site.stopping.wait(_EVERY_S):
        number += 1
        text = str(number).encode()
        handler.wfile.write(bytes((0x81, len(text))) + text)
        handler.wfile.flush()
    handler.close_connection = True


def _file(path: Path, content_type: str) -> "Callable[[Any, Query], None]":
    return lambda handler, _: handler.send(200, path.read_bytes(), content_type)


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {
    "/finished-data": data,
    "/finished-picture": picture,
    "/finished-font": font,
    "/finished-module": module,
    "/finished-events": events,
    "/finished-socket": socket,
    "/finished/base.css": _file(FOLDER / "base.css", "text/css"),
    **{f"/finished/{name}": _file(FOLDER / f"{name}.html", "text/html; charset=utf-8") for name in NAMES},
    **{f"/vendor/{path.name}": _file(path, "text/javascript") for path in VENDOR.glob("*.js")},
}
