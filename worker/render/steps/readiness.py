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
from worker.render.load_wait import FONTS_TIMEOUT_S, LoadEnd, is_replaced, wait_loaded, wait_quiet

# The stage of a document that each word waits for; networkidle waits for more after it.
_STAGES: Final[dict[WaitUntil, str]] = {
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
# Of an answer without a body: a redirect that leads nowhere, and errors. An empty 200 is what was wanted.
_FIRST_REFUSED_STATUS: Final = 300
# Documents that may follow each other by script or meta refresh; as many as HTTP redirects in Chromium.
_MAX_DOCUMENTS: Final = 20
_FONTS_TIMEOUT_MS: Final = round(FONTS_TIMEOUT_S * 1000)

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
    isEmpty: entry?.responseEnd > 0 && entry.decodedBodySize === 0,
    title: document.title.slice(0, %d),
  };
})()"""


class _Answer(TypedDict):
    """What the page says to `_ASK`."""

    fonts: bool
    url: str
    status: int
    isEmpty: bool
    title: str


async def run(render: Render) -> None:
    """Wait for the stage that was asked for and for the fonts, wherever scripts lead the page meanwhile.

    Raises:
        RenderError: `navigation_timeout`, `connection_failed` when the page led to an address that does not
            load or its transfer broke off, `url_blocked` when it led to one that may not be rendered, or
            `http_status_rejected` when there is nothing to show but a status.
    """
    answer, end = await _wait(render)
    unreachable_url = render.page.lifecycle.unreachable_url
    if unreachable_url is not None:
        detail = "the page led to an address that the browser could not open"
        refused = egress_report.refusal(render.page.port, unreachable_url)
        raise refused or RenderError(ErrorType.CONNECTION_FAILED, detail)
    if end is LoadEnd.STOPPED:
        render.warnings.append(_ENDED % render.request.wait_until.value)
    if end is LoadEnd.WITHOUT_FONTS or not answer["fonts"]:
        render.warnings.append(f"fonts: not all were loaded within {_FONTS_TIMEOUT_MS} ms")
    _check_final_address(render, answer["url"])
    if answer["isEmpty"] and answer["status"] >= _FIRST_REFUSED_STATUS:
        detail = f"the target answered {answer['status']} with an empty body: there is no page to show"
        raise RenderError(ErrorType.HTTP_STATUS_REJECTED, detail)
    render.page_facts = PageFacts(
        final_url=answer["url"],
        http_status=answer["status"] or None,
        # JavaScript's text may be cut within a character, and no document can be written with half of one.
        title=answer["title"].encode(errors="replace").decode(),
    )


async def _wait(render: Render) -> tuple[_Answer, LoadEnd]:
    """Wait as `run` does, wherever scripts lead the page.

    Returns:
        What the last document says of itself, and how its loading has ended.
    """
    page, wanted = render.page, render.request.wait_until
    for _ in range(_MAX_DOCUMENTS):
        async with render.until_ready(f"wait_until={wanted.value}"):
            end = await wait_loaded(page, _STAGES[wanted])
            loader = page.lifecycle.loader
            if wanted is WaitUntil.NETWORKIDLE:
                quiet = await wait_quiet(page)
                end = quiet if end is LoadEnd.REACHED else end
        if not is_replaced(page, loader):
            async with render.until_ready("an answer of the page, whose scripts do not come to an end"):
                answer = await _ask(render, end)
            if answer is not None and not is_replaced(page, loader):
                return answer, end
    detail = f"the page went on to another address {_MAX_DOCUMENTS} times"
    raise RenderError(ErrorType.NAVIGATION_TIMEOUT, detail)


async def _ask(render: Render, end: LoadEnd) -> _Answer | None:
    is_patient = render.request.wait_until is not WaitUntil.COMMIT and end is not LoadEnd.WITHOUT_FONTS
    fonts_ms = _FONTS_TIMEOUT_MS if is_patient else 0
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
