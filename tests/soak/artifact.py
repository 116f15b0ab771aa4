"""Checks that an artifact can be read and is what the job's document says."""

import hashlib
import io
from typing import Any, Final

from PIL import Image
from pypdf import PdfReader

_PDF: Final = "application/pdf"


def flaw(content: bytes, facts: dict[str, Any], size_px: tuple[int, int] | None) -> str | None:
    """What is wrong with an artifact; None: nothing.

    Args:
        content: the bytes that a caller got.
        facts: `artifact` of the job's document.
        size_px: the expected size of the picture; None: the size in the document.
    """
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        return f"{len(content)} bytes with another SHA-256 than the document's"
    if facts["content_type"] == _PDF:
        pages = len(PdfReader(io.BytesIO(content)).pages)
        return None if pages == facts["pages"] else f"{pages} pages, the document says {facts['pages']}"
    with Image.open(io.BytesIO(content)) as picture:
        expected = size_px or (facts["width_px"], facts["height_px"])
        if picture.size != expected or Image.MIME[picture.format or ""] != facts["content_type"]:
            return (
                f"{picture.format} of {picture.size} px instead of {facts['content_type']} of {expected} px"
            )
        darkest, brightest = picture.convert("L").getextrema()
    return None if darkest != brightest else "a picture of one colour"
