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


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {"/gallery": gallery, "/heavy.jpg": heavy}
