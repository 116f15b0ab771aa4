"""Waits until the page has reached what the request asks for, then reads its facts.

These are its address, HTTP status, title, language and findings.
"""

import asyncio
from typing import Final, TypedDict, cast
from urllib.parse import urlsplit

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import PageFacts
from fleet.render.options.readiness import WaitUntil
from fleet.render.options.source import MAX_URL_LENGTH
from worker.browser.devtools import ProtocolError
from worker.browser.document.loading import COMMIT, DOM_CONTENT_LOADED, LOAD
from worker.render.context import Render
from worker.render.in_page import script
from worker.render.reports import egress_report, unfinished
from worker.render.verdict.findings import Findings
from worker.render.waiting.conditions import wait_for_function, wait_for_selector
from worker.render.waiting.load_wait import FONTS_TIMEOUT_S, LoadEnd, is_replaced, wait_loaded, wait_quiet
from worker.render.waiting.settle import AUTO_S, wait_rest

# What a document must have reached for each `wait_until`. `auto` and `networkidle` wait for more after that.
_STAGES: Final[dict[WaitUntil, str]] = {
    WaitUntil.AUTO: LOAD,
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
# RFC 5646, section 4.4.1: 35 characters hold any tag that means something.
_MAX_LANGUAGE_LENGTH: Final = 35
# From this status on, an answer with an empty body is an error: a redirect that leads nowhere, or a failure.
# An empty page with status 200 is what the caller asked for.
_FIRST_REFUSED_STATUS: Final = 300
# Documents that may follow each other by script or meta refresh; as many as HTTP redirects in Chromium.
_MAX_DOCUMENTS: Final = 20
_FONTS_TIMEOUT_MS: Final = round(FONTS_TIMEOUT_S * 1000)

# Asks the page for all facts at once; the text of a JavaScript function. `offsetWidth` lays the page out, so
# that it asks for the fonts that it needs. A field with `autofocus` gets the text cursor with the next frame,
# which may come later.
_QUESTION: Final = """async (fontsMs) => {
  document.documentElement?.offsetWidth;
  const fonts = document.fonts.status !== "loading" || await Promise.race([
    document.fonts.ready.then(() => true),
    new Promise(resolve => setTimeout(resolve, fontsMs, false)),
  ]);
  const [entry] = performance.getEntriesByType("navigation");
  return {
    fonts,
    url: location.href.slice(0, %d),
    status: entry?.responseStatus ?? 0,
    isEmpty: entry?.responseEnd > 0 && entry.decodedBodySize === 0,
    title: document.title.slice(0, %d),
    language: String(document.documentElement?.lang ?? "").slice(0, %d),
    hasLazy: !!document.querySelector("img[loading=lazy i], iframe[loading=lazy i]"),
    findings: (%s)(),
    hasCaret: !!document.activeElement?.matches("input, textarea, iframe, frame, [contenteditable]")
      || !!document.querySelector("[autofocus]"),
  };
}"""
_DESCRIBE: Final = _QUESTION % (
    MAX_URL_LENGTH,
    MAX_TITLE_LENGTH,
    _MAX_LANGUAGE_LENGTH,
    script("worth.js"),
)


class _Answer(TypedDict):
    """What the page says to `_DESCRIBE`."""

    fonts: bool
    url: str
    status: int
    isEmpty: bool
    title: str
    language: str
    hasLazy: bool
    findings: Findings
    hasCaret: bool


async def arrive(render: Render, *, is_first: bool = True) -> None:
    """Wait for all conditions of the request, then store the facts of the page in `render`.

    If scripts lead the page to other documents meanwhile, these are the conditions and facts of the last one.

    Args:
        render: whose page has begun to load, or goes on to another document.
        is_first: whether it is the document that was asked for. What an action leads to is waited for as
            `wait_until` says, without the other conditions: they were met before the action.

    Raises:
        RenderError: `navigation_timeout`, `connection_failed` when the page led to an address that does not
            load or its transfer broke off, `url_blocked` when it led to one that may not be rendered,
            `http_status_rejected` when there is nothing to show but a status, or what `wait_for_selector`
            and `wait_for_function` raise.
    """
    answer, end = await _wait(render, has_conditions=is_first)
    _keep_facts(render, answer, end)


async def look_again(render: Render) -> None:
    """Keep what the page is after a step has changed it: its title and address may be others.

    Raises:
        RenderError: `navigation_timeout`, or `url_blocked` when its address may not be rendered.
    """
    answer = await _ask(render, None)
    if answer is not None:
        _keep_facts(render, answer, LoadEnd.WITHOUT_FONTS if not answer["fonts"] else LoadEnd.REACHED)


async def look_in_passing(render: Render) -> None:
    """Keep what the page is now, without waiting for anything; for a render that has failed.

    Raises:
        RenderError: `url_blocked`: it is something that may not be shown.
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    answer = cast("_Answer", await render.page.evaluate(f"({_DESCRIBE})(0)"))
    _check_final_address(render, answer["url"])
    render.findings = answer["findings"]
    render.page_facts = _facts(answer)


def _keep_facts(render: Render, answer: _Answer, end: LoadEnd) -> None:
    """Leave what the page says of itself, unless it is something that may not be shown."""
    unreachable_url = render.page.lifecycle.unreachable_url
    if unreachable_url is not None:
        detail = "the page led to an address that the browser could not open"
        refused = egress_report.refusal(render.page.port, unreachable_url)
        raise refused or RenderError(ErrorType.CONNECTION_FAILED, detail)
    if cut_short := egress_report.cut_short(render.page):
        raise cut_short
    if end is LoadEnd.STOPPED:
        render.warnings.append(_ENDED % render.request.wait_until.value)
    if render.request.wait_for_fonts and (end is LoadEnd.WITHOUT_FONTS or not answer["fonts"]):
        render.warnings.append(f"fonts: not all were loaded within {_FONTS_TIMEOUT_MS} ms")
    _check_final_address(render, answer["url"])
    if answer["isEmpty"] and answer["status"] >= _FIRST_REFUSED_STATUS:
        detail = f"the target answered {answer['status']} with an empty body: there is no page to show"
        raise RenderError(ErrorType.HTTP_STATUS_REJECTED, detail)
    render.findings = answer["findings"]
    render.has_caret = answer["hasCaret"]
    render.has_lazy = answer["hasLazy"]
    render.page_facts = _facts(answer)


def _facts(answer: _Answer) -> PageFacts:
    return PageFacts(
        final_url=answer["url"],
        http_status=answer["status"] or None,
        # A cut text may end with a lone surrogate (half of a UTF-16 pair), which UTF-8 cannot encode.
        title=answer["title"].encode(errors="replace").decode(),
        language=answer["language"].encode(errors="replace").decode() or None,
    )


async def _wait(render: Render, *, has_conditions: bool) -> tuple[_Answer, LoadEnd]:
    """Wait as `arrive` does, wherever scripts lead the page.

    Returns:
        What the last document says of itself, and how its loading has ended.
    """
    page = render.page
    has_delayed = not has_conditions
    for _ in range(_MAX_DOCUMENTS):
        end = await render.allow_timeout(_load(render))  # None: it is over, and the job has `best_attempt`
        loader = page.lifecycle.loader
        if end is LoadEnd.REPLACED:
            continue
        if has_conditions:
            await _wait_for_conditions(render)
        answer = None
        if render.request.wait_until is WaitUntil.AUTO and end is not None:
            answer, end = await _rest(render, end)
        if not has_delayed:
            has_delayed = True
            await _delay(render)
        if answer is None or render.request.delay_ms:
            answer = await _ask(render, end)
        if answer is not None and (end is None or not is_replaced(page, loader)):
            return answer, LoadEnd.REACHED if end is None else end
        if end is None:
            break
    detail = f"the page kept going on to other addresses; at most {_MAX_DOCUMENTS} are followed"
    raise RenderError(ErrorType.NAVIGATION_TIMEOUT, detail)


async def _load(render: Render) -> LoadEnd:
    """Wait for the stage of `wait_until`, in one document."""
    page, request = render.page, render.request
    wanted = request.wait_until
    async with render.until_ready(f"wait_until={wanted.value}"):
        fonts_s = FONTS_TIMEOUT_S if request.wait_for_fonts else 0.0
        end = await wait_loaded(page, _STAGES[wanted], fonts_s=fonts_s)
        loader = page.lifecycle.loader
        if wanted is WaitUntil.NETWORKIDLE:
            quiet = await wait_quiet(page)
            end = quiet if end is LoadEnd.REACHED else end
    return LoadEnd.REPLACED if is_replaced(page, loader) else end


async def _rest(render: Render, end: LoadEnd) -> tuple[_Answer | None, LoadEnd]:
    """Wait until the page is at rest; a page that does not come to rest is shown as it is then.

    Returns:
        What the page says of itself, if it answers; and how its loading has ended.
    """
    with_fonts = render.request.wait_for_fonts and end is not LoadEnd.WITHOUT_FONTS
    left_s = render.navigation_deadline - asyncio.get_running_loop().time()
    limit_s = max(0.0, min(AUTO_S, left_s))
    rest = await wait_rest(
        render.page,
        limit_s,
        with_fonts=with_fonts,
        has_scripts=render.request.java_script_enabled,
        describe=_DESCRIBE,
    )
    render.goes_on = bool(rest.going_on)
    if rest.going_on:
        names = ", ".join(unfinished.names(rest.going_on))
        render.warnings.append(f"wait_until=auto: captured while this still went on: {names}")
    answer = cast("_Answer | None", rest.facts)
    return answer, end if answer is None or answer["fonts"] else LoadEnd.WITHOUT_FONTS


async def _wait_for_conditions(render: Render) -> None:
    request = render.request
    if request.wait_for_selector is not None:
        await render.allow_timeout(wait_for_selector(render, request.wait_for_selector))
    if request.wait_for_function is not None:
        await render.allow_timeout(wait_for_function(render, request.wait_for_function))


async def _delay(render: Render) -> None:
    """Wait `delay_ms`, which does not count to `navigation_timeout_ms`."""
    seconds = render.request.delay_ms / 1000
    if seconds:
        render.navigation_deadline += seconds
        await render.page.pause(seconds)


async def _ask(render: Render, end: LoadEnd | None) -> _Answer | None:
    request = render.request
    is_patient = (
        request.wait_for_fonts
        and request.wait_until is not WaitUntil.COMMIT
        and end not in {None, LoadEnd.WITHOUT_FONTS}
    )
    fonts_ms = _FONTS_TIMEOUT_MS if is_patient else 0
    async with render.until_ready("an answer of the page, whose scripts do not come to an end"):
        try:
            return cast("_Answer", await render.page.evaluate(f"({_DESCRIBE})({fonts_ms})"))
        except ProtocolError:
            return None  # the document was replaced while it was asked


def _check_final_address(render: Render, url: str) -> None:
    """Refuse what the page led to, before anybody sees a picture of it."""
    parts = urlsplit(url)
    if parts.scheme in {"about", "blob", "data"}:
        return  # made by a page that was checked itself
    if parts.scheme not in {"http", "https"}:
        raise RenderError(ErrorType.URL_BLOCKED, f"the page led to an address of the scheme {parts.scheme}")
    if error := egress_report.bypass(render.page.port, url):
        raise error
