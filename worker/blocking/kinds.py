"""Kinds of requests, as the DevTools protocol, the lists and a plain request tell them (pure)."""

from typing import Final
from urllib.parse import urlsplit

from fleet.render.options.blocking import Resource

# Network.ResourceType of the DevTools protocol.
PROTOCOL_NAMES: Final = {
    Resource.IMAGE: "Image",
    Resource.MEDIA: "Media",
    Resource.FONT: "Font",
    Resource.STYLESHEET: "Stylesheet",
    Resource.SCRIPT: "Script",
    Resource.XHR: "XHR",
    Resource.PING: "Ping",
    Resource.OTHER: "Other",
}
_OF_LISTS: Final = {
    "Image": "image",
    "Media": "media",
    "Font": "font",
    "Stylesheet": "stylesheet",
    "Script": "script",
    "XHR": "xmlhttprequest",
    "Document": "sub_frame",
    "Ping": "ping",
}
DOCUMENT: Final = "sub_frame"
MEDIA: Final = PROTOCOL_NAMES[Resource.MEDIA]
_MEDIA_TYPES: Final = ("video/", "audio/")
_BY_ACCEPT: Final = {"image/": "image", "text/css": "stylesheet", "text/html": DOCUMENT}
_BY_END: Final = {
    "js": "script",
    "mjs": "script",
    "woff": "font",
    "woff2": "font",
    "ttf": "font",
    "mp4": "media",
    "webm": "media",
    "mp3": "media",
    "m3u8": "media",
}
# Chromium says `*/*` for both, and nothing else tells them apart on plain http.
_EITHER: Final = ("script", "xmlhttprequest")


def of_protocol(name: str) -> str:
    """How lists name a kind of the DevTools protocol."""
    return _OF_LISTS.get(name, "other")


def is_media(content_type: str) -> bool:
    """Whether an answer of plain http is video or audio, by the field Content-Type."""
    return content_type.startswith(_MEDIA_TYPES)


def of_plain_request(url: str, accept: str) -> tuple[str, ...]:
    """What a request may be, by its address and the header field Accept (RFC 9110, section 12.5.1)."""
    for begin, kind in _BY_ACCEPT.items():
        if accept.startswith(begin):
            return (kind,)
    kind = _BY_END.get(urlsplit(url).path.rpartition(".")[2].lower(), "")
    return (kind,) if kind else _EITHER
