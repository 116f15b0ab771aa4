"""What a page still waits for, from all who know a part of it.

Chromium lists the parts of a page, the events tell of its frames, and the page's own port of the egress proxy
knows each plain request (over https it sees no requests). Asking takes a few milliseconds, so only pages that
take long are asked.
"""

import asyncio
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from worker.browser.devtools import DevToolsError
from worker.browser.loading import COMMIT, DOM_CONTENT_LOADED
from worker.browser.open_requests import FONT, OpenRequest
from worker.browser.page import Page
from worker.browser.resource_tree import Resource

# How long the page is asked after its time is over already.
_ASK_TIMEOUT_S: Final = 0.3
# Servers that think in the middle of an answer are seldom silent for longer.
_UNREAD_AFTER_S: Final = 2.0
# A message names so many, each cut off at so many letters.
_NAMED: Final = 5
_MAX_URL_LENGTH: Final = 200
_WEB: Final = frozenset({"http", "https"})


def is_unread(page: Page, request: OpenRequest) -> bool:
    """Whether an answer has come as far as anybody wants it, although Chromium says that it goes on.

    What a script does not read of an answer that may not be stored (`no-store`) Chromium leaves lying, and
    the request open. Over plain http the page's port knows that the answer has ended. In a tunnel nobody can
    see it: there an answer that has begun counts as ended once nothing has passed the port for two seconds.
    """
    if request.answered_at is None:
        return False
    url = _without_fragment(request.url)
    if url.startswith("http://") and url not in page.port.open_requests():
        return True
    now = asyncio.get_running_loop().time()
    return now - max(request.answered_at, page.port.passed_at) >= _UNREAD_AFTER_S


async def missing_parts(page: Page) -> list[Resource]:
    """The parts of the page that have not come; its load event waits for them.

    Raises:
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    open_requests = set(page.port.open_requests())
    return [
        part
        for part in await page.resources()
        if not part.is_ended and (not part.is_answered or _without_fragment(part.url) in open_requests)
    ]


async def lacks_nothing(page: Page) -> bool:
    """Whether all parts and frames of the page have come that its load event waits for."""
    return not page.frames.loading and not await missing_parts(page)


async def lacks_only_fonts(page: Page) -> bool:
    """Whether fonts, and nothing else, keep the page from its load event."""
    if not all(frame.is_parsed for frame in page.frames.loading.values()):
        return False
    missing = await missing_parts(page)
    return bool(missing) and all(part.kind == FONT for part in missing)


async def describe(page: Page) -> str:
    """What the page waits for, in words that go behind an error; empty when there is nothing to name."""
    urls = [*page.port.open_requests(), *(request.url for request in page.requests.now_open())]
    urls += (frame.url for frame in page.frames.loading.values() if not frame.is_parsed)
    if COMMIT not in page.lifecycle.reached:
        return _sentence(urls or [page.lifecycle.asked_url])
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            urls += (part.url for part in await page.resources() if not part.is_ended)
    except TimeoutError:
        return "; the page is busy, so that it does not answer" + _sentence(urls)
    except DevToolsError:
        return _sentence(urls)
    if not urls and DOM_CONTENT_LOADED not in page.lifecycle.reached:
        urls = [page.lifecycle.asked_url]  # the rest of the document itself
    return _sentence(urls)


def _sentence(urls: Iterable[str]) -> str:
    names = list(dict.fromkeys(name for url in urls if (name := _name(url))))
    if not names:
        return ""
    others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; still open: {', '.join(names[:_NAMED])}{others}"


def _name(url: str) -> str:
    """An address without what may be secret in it; empty for what is not of the web."""
    parts = urlsplit(url)
    if parts.scheme not in _WEB:
        return ""
    name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return name if len(name) <= _MAX_URL_LENGTH else f"{name[:_MAX_URL_LENGTH]}..."


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]
