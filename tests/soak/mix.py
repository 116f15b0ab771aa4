"""What the callers ask for: pictures and documents of good pages, and of pages that hold on to everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.site.server import Site

# Artifacts go again while the run lasts: 5,000 of them would fill a disk of a gigabyte.
_RETENTION_S: Final = 120
_WINDOW_PX: Final = (1280, 720)


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of render.

    Attributes:
        share: how often, against the others.
        path: on the test site; None: a few words of HTML in the request.
        options: of the request.
        size_px: of the picture; None: as large as the page, or a PDF.
        is_leaky: whether the page holds on to what it makes.
    """

    name: str
    share: float
    path: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    size_px: tuple[int, int] | None = _WINDOW_PX
    is_leaky: bool = False

    def body(self, site: Site, numbers: Random) -> dict[str, Any]:
        """The request."""
        text = (
            f"<!doctype html><title>words</title><h1>{numbers.getrandbits(64):x}</h1><p>the quick brown fox"
        )
        source = {"html": text} if self.path is None else {"url": site.url(self.path)}
        return {**source, **self.options, "retention_s": _RETENTION_S}


_NARROW: Final = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
_TALL_JPEG: Final = {"format": "jpeg", "full_page": True, "quality": 70}
WORDS: Final = Kind("words, png", 12)
MIX: Final = (
    WORDS,
    Kind("words, full-page jpeg", 5, None, _TALL_JPEG, None),
    Kind("words, pdf", 4, None, {"format": "pdf"}, None),
    Kind("tiny page, png", 10, "/tiny"),
    Kind(
        "tiny page, narrow window, scale 2, webp",
        5,
        "/tiny",
        {**_NARROW, "format": "webp"},
        (780, 1688),
    ),
    Kind("photographs, png", 8, "/photo"),
    Kind("photographs, webp", 4, "/photo", {"format": "webp"}),
    Kind("dashboard, png", 8, "/dashboard"),
    Kind("long document, pdf", 4, "/long?n=60", {"format": "pdf"}, None),
    Kind("long document, full-page png", 3, "/long?n=60", {"full_page": True}, None),
    Kind("fonts, png", 6, "/fonts"),
    Kind("requests after load, networkidle", 3, "/fetch-later", {"wait_until": "networkidle"}),
    Kind("detached elements", 5, "/leaky/detached", is_leaky=True),
    Kind("timers", 5, "/leaky/timers", is_leaky=True),
    Kind("video", 4, "/leaky/video", is_leaky=True),
    Kind("web workers", 5, "/leaky/workers", is_leaky=True),
    Kind("huge table", 3, "/leaky/table", is_leaky=True),
    Kind("huge table, full-page jpeg", 2, "/leaky/table?n=600", _TALL_JPEG, None, is_leaky=True),
    Kind("blobs", 4, "/leaky/blobs", is_leaky=True),
)


def choose(mix: Sequence[Kind], numbers: Random) -> Kind:
    """One of them, by their shares."""
    return numbers.choices(mix, [kind.share for kind in mix])[0]
