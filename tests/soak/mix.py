"""The kinds of renders in a run: pictures and PDFs of ordinary pages and of pages that leak memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.site.server import Site

# Artifacts are erased during the run: 5,000 of them would fill a disk of a gigabyte.
_RETENTION_S: Final = 120
_WINDOW_PX: Final = (1280, 720)


@dataclass(frozen=True, slots=True)
class RenderKind:
    """One kind of render.

    Attributes:
        share: how often it is requested, compared with the others.
        path: of the page on the test site; None: a few words of HTML in the request.
        options: of the request.
        size_px: of the picture; None: it depends on the page, or this is a PDF.
        is_leaky: whether the page keeps memory or runs scripts without end.
    """

    name: str
    share: float
    path: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    size_px: tuple[int, int] | None = _WINDOW_PX
    is_leaky: bool = False

    def body(self, site: Site, numbers: Random) -> dict[str, Any]:
        """The body of the request."""
        text = (
            f"<!doctype html><title>words</title><h1>{numbers.getrandbits(64):x}</h1><p>the quick brown fox"
        )
        source = {"html": text} if self.path is None else {"url": site.url(self.path)}
        return {**source, **self.options, "retention_s": _RETENTION_S}


_NARROW: Final = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
_TALL_JPEG: Final = {"format": "jpeg", "full_page": True, "quality": 70}
WORDS: Final = RenderKind("words, png", 12)
MIX: Final = (
    WORDS,
    RenderKind("words, full-page jpeg", 5, None, _TALL_JPEG, None),
    RenderKind("words, pdf", 4, None, {"format": "pdf"}, None),
    RenderKind("tiny page, png", 10, "/tiny"),
    RenderKind(
        "tiny page, narrow window, scale 2, webp",
        5,
        "/tiny",
        {**_NARROW, "format": "webp"},
        (780, 1688),
    ),
    RenderKind("photographs, png", 8, "/photo"),
    RenderKind("photographs, webp", 4, "/photo", {"format": "webp"}),
    RenderKind("dashboard, png", 8, "/dashboard"),
    RenderKind("long document, pdf", 4, "/long?n=60", {"format": "pdf"}, None),
    RenderKind("long document, full-page png", 3, "/long?n=60", {"full_page": True}, None),
    RenderKind("fonts, png", 6, "/fonts"),
    RenderKind("requests after load, networkidle", 3, "/fetch-later", {"wait_until": "networkidle"}),
    RenderKind("detached elements", 5, "/leaky/detached", is_leaky=True),
    RenderKind("timers", 5, "/leaky/timers", is_leaky=True),
    RenderKind("video", 4, "/leaky/video", is_leaky=True),
    RenderKind("web workers", 5, "/leaky/workers", is_leaky=True),
    RenderKind("huge table", 3, "/leaky/table", is_leaky=True),
    RenderKind("huge table, full-page jpeg", 2, "/leaky/table?n=600", _TALL_JPEG, None, is_leaky=True),
    RenderKind("blobs", 4, "/leaky/blobs", is_leaky=True),
)


def choose(mix: Sequence[RenderKind], numbers: Random) -> RenderKind:
    """Choose a kind at random, by their shares."""
    return numbers.choices(mix, [kind.share for kind in mix])[0]
