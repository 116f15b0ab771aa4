"""Pictures as heavy as one likes and small to look at: the PDF of their page holds their files whole."""

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
    """`n` pictures of `bytes` each."""
    pictures = "".join(
        f"<img src='/heavy.jpg?number={number}&bytes={query['bytes']}' width=60>"
        for number in range(int(query["n"]))
    )
    handler.send(200, pages.document("gallery", pictures).encode())


def heavy(handler: Any, query: Query) -> None:
    """A small JPEG, other than those of other numbers, with noise behind its end that decoders skip."""
    file = io.BytesIO()
    Image.new("RGB", (60, 60), (int(query["number"]) % 256, 30, 30)).save(file, "JPEG")
    handler.send(200, file.getvalue() + _noise(int(query["bytes"])), "image/jpeg")


@functools.cache
def _noise(size: int) -> bytes:
    return os.urandom(size)


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {"/gallery": gallery, "/heavy.jpg": heavy}
