"""Waits until the page is what the caller wants to see, then asks it who it is."""

from typing import Final, TypedDict, cast
from urllib.parse import urlsplit

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import PageFacts
from fleet.render.options.readiness import WaitUntil
from fleet.render.options.source import MAX_URL_LENGTH
from worker.browser.devtools import ProtocolError
from worker.browser.loading import COMMIT, DOM_CONTENT_LOADED, LOAD
from worker.render import egress_report
from worker.render.context import Render
from worker.render.load_wait import is_replaced, wait_loaded

# The stage of a document that each word waits for; networkidle waits for more after it.
STAGES: Final[dict[WaitUntil, str]] = {
    WaitUntil.COMMIT: COMMIT,
    WaitUntil.DOMCONTENTLOADED: DOM_CONTENT_LOADED,
    WaitUntil.LOAD: LOAD,
    WaitUntil.NETWORKIDLE: LOAD,
}
_ENDED: Final = (
    "loading: the page never reached wait_until=%s: a script stopped its loading, or led to a download, "
    "to an app or to an address without content"
)
MAX_TITLE_LENGTH: Final = 1_000
# Documents that may follow each other by script or meta refresh; as many as HTTP redirects in Chromium.
_MAX_DOCUMENTS: Final = 20
# A font that has not come by then is drawn in its fallback; Chromium itself swaps after three seconds.
_FONTS_TIMEOUT_MS: Final = 3_000

# One question for everything. Laying out first makes the page ask for the fonts that it needs.
_ASK: Final = """(async () => {
  document.documentElement?.offsetWidth;
  const fonts = document.fonts.status !== "loading" || await Promise.race([
    document.fonts.ready.then(() => true),
    new Promise(resolve => setTimeout(resolve, %d, false)),
  ]);
  const [entry] = performance.getEntriesByType("navigation");
  return {
    fonts,
    url: location.href.slice(0, %d),
    status: entry?.responseStatus ?? 0,
    title: document.title.slice(0, %d),
  };
})()"""


class _Answer(TypedDict):
    """What the page says to `_ASK`."""

    fonts: bool
    url: str
    status: int
    title: str


async def run(render: Render) -> None:
    """Wait for the stage that was asked for and for the fonts, wherever scripts lead the page meanwhile.

    Raises:
        RenderError: `navigation_timeout`, `connection_failed` when the page led to an address that does not
            load or its transfer broke off, or `url_blocked` when it led to one that may not be rendered.
    """
    answer, has_loaded = await _wait(render)
    unreachable_url = render.page.lifecycle.unreachable_url
    if unreachable_url is not None:
        detail = "the page led to an address that the browser could not open"
        refused = egress_report.refusal(render.page.port, unreachable_url)
        raise refused or RenderError(ErrorType.CONNECTION_FAILED, detail)
    if not has_loaded:
        render.warnings.append(_ENDED % render.request.wait_until.value)
    if not answer["fonts"]:
        render.warnings.append(f"fonts: not all were loaded within {_FONTS_TIMEOUT_MS} ms")
    _check_final_address(render, answer["url"])
    render.page_facts = PageFacts(
        final_url=answer["url"],
        http_status=answer["status"] or None,
        # JavaScript's text may be cut within a character, and no document can be written with half of one.
        title=answer["title"].encode(errors="replace").decode(),
    )


async def _wait(render: Render) -> tuple[_Answer, bool]:
    """Wait as `run` does, wherever scripts lead the page.

    Returns:
        What the last document says of itself, and whether it has loaded as far as was asked.
    """
    page, wanted = render.page, render.request.wait_until
    for _ in range(_MAX_DOCUMENTS):
        async with render.until_ready(f"wait_until={wanted.value}"):
            has_loaded = await wait_loaded(page, STAGES[wanted])
            loader = page.lifecycle.loader
            if wanted is WaitUntil.NETWORKIDLE:
                await page.lifecycle.wait_quiet()
        if not is_replaced(page, loader):
            async with render.until_ready("an answer of the page, whose scripts do not come to an end"):
                answer = await _ask(render)
            if answer is not None and not is_replaced(page, loader):
                return answer, has_loaded
    detail = f"the page went on to another address {_MAX_DOCUMENTS} times"
    raise RenderError(ErrorType.NAVIGATION_TIMEOUT, detail)


async def _ask(render: Render) -> _Answer | None:
    fonts_ms = 0 if render.request.wait_until is WaitUntil.COMMIT else _FONTS_TIMEOUT_MS
    try:
        answer = await render.page.evaluate(_ASK % (fonts_ms, MAX_URL_LENGTH, MAX_TITLE_LENGTH))
    except ProtocolError:
        return None  # the document was replaced while it was asked
    return cast("_Answer", answer)


def _check_final_address(render: Render, url: str) -> None:
    """Refuse what the page led to, before anybody sees a picture of it."""
    parts = urlsplit(url)
    if parts.scheme in {"about", "blob", "data"}:
        return  # made by a page that was checked itself
    if parts.scheme not in {"http", "https"}:
        raise RenderError(ErrorType.URL_BLOCKED, f"the page led to an address of the scheme {parts.scheme}")
    if error := egress_report.bypass(render.page.port, url):
        raise error
