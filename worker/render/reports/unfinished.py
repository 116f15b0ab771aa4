"""What a page still waits for, from all who know a part of it.

The page itself is asked about the parts in its document, the events tell of its frames, and its own port of
the egress proxy knows each plain request (over https it sees no requests). Chromium could list all parts of a
page (`Page.getResourceTree`), but with addresses of any length: pictures as `data:` would make that list as
large as the page is.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from worker.browser.devtools import DevToolsError
from worker.browser.document.loading import COMMIT, DOM_CONTENT_LOADED
from worker.browser.document.open_requests import OpenRequest
from worker.browser.page import Page

# How long the page is asked after its time is over already.
_ASK_TIMEOUT_S: Final = 0.3
# Servers that think in the middle of an answer, or before one, are seldom silent for longer.
_SILENT_AFTER_S: Final = 2.0
# Of more frames than this nobody is asked what they wait for.
_MAX_FRAMES: Final = 20
# A message names so many, each cut off at so many letters.
_NAMED: Final = 5
_MAX_URL_LENGTH: Final = 200
_WEB: Final = frozenset({"http", "https"})

# Pictures of style sheets are not in it: no script can tell which of them have not come.
_ASK: Final = """(() => {
  const timed = performance.getEntriesByType("resource");
  const ended = new Set(timed.map(entry => entry.name));
  // Past 250 entries Chromium writes down no more of them.
  const isOpen = url => /^https?:/.test(url) && timed.length < 250 && !ended.has(url);
  const all = selector => [...document.querySelectorAll(selector)];
  let begun = {requests: []};  // by the page's scripts, where begun.js keeps account of it
  const listen = ({detail}) => { begun = JSON.parse(detail); };
  performance.addEventListener("renderfleetanswer", listen);
  performance.dispatchEvent(new CustomEvent("renderfleetask"));
  performance.removeEventListener("renderfleetanswer", listen);
  const parts = [
    ...all("img").filter(image => !image.complete && image.loading !== "lazy")
      .map(image => image.currentSrc || image.src),
    ...all("audio, video").filter(film => film.networkState === 2 && film.readyState < 2)
      .map(film => film.currentSrc),
    ...all("link[rel~=stylesheet i]").filter(link => !link.sheet && isOpen(link.href))
      .map(link => link.href),
    ...all("script[src]").filter(script => !script.noModule && isOpen(script.src)
      && /^$|javascript|module/i.test(script.type)).map(script => script.src),
  ];
  const fonts = [...document.fonts].filter(font => font.status === "loading").map(font => font.family);
  const some = words => words.slice(0, 20).map(word => word.slice(0, 400));
  return {parts: some(parts), fonts: some(fonts), requests: some(begun.requests)};
})()"""


@dataclass(frozen=True, slots=True)
class _Missing:
    """What the document of one frame has not got.

    Attributes:
        parts: addresses of its parts.
        fonts: families.
        requests: addresses of its scripts' requests, for which no load event waits.
    """

    parts: list[str]
    fonts: list[str]
    requests: list[str]


def is_unread(page: Page, request: OpenRequest) -> bool:
    """Whether an answer has come as far as anybody wants it, although Chromium says that it goes on.

    What a script does not read of an answer that may not be stored (`no-store`) Chromium leaves lying, and
    the request open. Over plain http the page's port knows that the answer has ended. In a tunnel nobody can
    see it: there an answer that has begun counts as ended once nothing has passed the port for two seconds.
    """
    if request.answered_at is None:
        return False
    url = request.url.partition("#")[0]
    if url.startswith("http://") and url not in page.port.open_requests():
        return True
    now = asyncio.get_running_loop().time()
    return now - max(request.answered_at, page.port.passed_at) >= _SILENT_AFTER_S


async def lacks_nothing(page: Page) -> bool:
    """Whether nothing that the page has asked for can still be under way, as far as one can know.

    Raises:
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    if page.frames.loading or page.port.open_requests():
        return False
    now = asyncio.get_running_loop().time()
    if page.port.has_tunnels() and now - page.port.passed_at < _SILENT_AFTER_S:
        return False
    missing = await _ask(page)
    return not (missing.parts or missing.fonts)


async def lacks_only_fonts(page: Page) -> bool:
    """Whether fonts, and nothing else that one could name, keep the page from its load event.

    Raises:
        DevToolsError: the page or its browser ended, or a document was replaced.
    """
    frames = page.frames.loading
    if len(frames) > _MAX_FRAMES or not all(frame.is_parsed for frame in frames.values()):
        return False
    missing = [await _ask(page), *[await _ask(page, frame_id) for frame_id in tuple(frames)]]
    return any(found.fonts for found in missing) and not any(found.parts for found in missing)


async def describe(page: Page) -> str:
    """What the page waits for, in words that go behind an error; empty when there is nothing to name."""
    urls = [*page.port.open_requests(), *(request.url for request in page.requests.now_open())]
    urls += (frame.url for frame in page.frames.loading.values() if not frame.is_parsed)
    if COMMIT not in page.lifecycle.reached:
        return _sentence(urls or [page.lifecycle.asked_url])
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            missing = await _ask(page)
    except TimeoutError:
        return "; the page is busy, so that it does not answer" + _sentence(urls)
    except DevToolsError:
        return _sentence(urls)
    urls += [*missing.parts, *missing.requests]
    if not (urls or missing.fonts) and DOM_CONTENT_LOADED not in page.lifecycle.reached:
        urls = [page.lifecycle.asked_url]  # the rest of the document itself
    return _sentence(urls, fonts=missing.fonts)


async def _ask(page: Page, frame_id: str | None = None) -> _Missing:
    found = await page.evaluate(_ASK, frame_id=frame_id)
    return _Missing(parts=found["parts"], fonts=found["fonts"], requests=found["requests"])


def names(open_: Iterable[str]) -> list[str]:
    """What is open, in words for a message: addresses without what may be secret, all else as it is."""
    return list(dict.fromkeys(address_name(word) if "://" in word else word for word in open_))[:_NAMED]


def _sentence(urls: Iterable[str], *, fonts: Iterable[str] = ()) -> str:
    found = [name for url in urls if (name := address_name(url))] + [f"the font {family}" for family in fonts]
    names = list(dict.fromkeys(found))
    if not names:
        return ""
    others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; still open: {', '.join(names[:_NAMED])}{others}"


def address_name(url: str) -> str:
    """An address without what may be secret in it; empty for what is not of the web."""
    parts = urlsplit(url)
    if parts.scheme not in _WEB:
        return ""
    name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return name if len(name) <= _MAX_URL_LENGTH else f"{name[:_MAX_URL_LENGTH]}..."
