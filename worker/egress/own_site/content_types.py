"""The content type of a file, by its name.

Chromium runs no module script, applies no style sheet and plays no video of a wrong type. Python's own table
depends on the machine (/etc/mime.types), so this is one of its own.
"""

from typing import Final

_TEXT: Final = {
    "css": "text/css",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "ics": "text/calendar",
    "js": "text/javascript",
    "json": "application/json",
    "map": "application/json",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "webmanifest": "application/manifest+json",
    "xhtml": "application/xhtml+xml",
    "xml": "application/xml",
    "xsl": "application/xml",
}
_BINARY: Final = {
    "aac": "audio/aac",
    "apng": "image/apng",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "eot": "application/vnd.ms-fontobject",
    "flac": "audio/flac",
    "gif": "image/gif",
    "ico": "image/x-icon",
    "jfif": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "ttc": "font/collection",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "zip": "application/zip",
}
# WOFF2, WOFF, TrueType (of two makers), OpenType, and collections of them.
_FONTS: Final = frozenset({b"wOF2", b"wOFF", b"\x00\x01\x00\x00", b"true", b"OTTO", b"ttcf"})
_UNKNOWN: Final = "application/octet-stream"


def is_text(name: str) -> bool:
    """Whether a file of this name is text, which has an encoding."""
    return _extension(name) in _TEXT


def is_damaged_font(name: str, beginning: bytes) -> bool:
    """Whether a file is called like a font, and its first four bytes are those of none."""
    return content_type(name, is_utf8=False).startswith("font/") and beginning[:4] not in _FONTS


def content_type(name: str, *, is_utf8: bool) -> str:
    """The type of a file.

    Args:
        name: of the file.
        is_utf8: whether its bytes are UTF-8. If not, the type says nothing about the encoding, and a
            document can name it itself, as on any server.
    """
    extension = _extension(name)
    if extension in _TEXT:
        return f"{_TEXT[extension]}; charset=utf-8" if is_utf8 else _TEXT[extension]
    return _BINARY.get(extension, _UNKNOWN)


def _extension(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[2].lower()
