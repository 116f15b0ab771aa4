"""Looks at a page that was captured, or whose render has failed, and has the result judged."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final, TypedDict

from fleet.errors import ErrorType
from fleet.jobs.verdict import FailedRequestDocument, VerdictDocument
from fleet.render.options.output import PICTURES
from fleet.render.options.readiness import WaitUntil
from worker.browser.devtools import DevToolsError
from worker.browser.document.failed_requests import FailedRequest
from worker.browser.document.loading import DOM_CONTENT_LOADED
from worker.egress.own_site import bundle
from worker.render.context import Render
from worker.render.reports import egress_report
from worker.render.reports.unfinished import address_name
from worker.render.verdict.failed import IMAGE, STYLESHEET, FailedParts
from worker.render.verdict.findings import Findings
from worker.render.verdict.judge import Case, judge

# A page that is too busy to answer by then is judged by what is known without it.
_LOOK_S: Final = 0.5
# A warning names so many.
_NAMED: Final = 5
# Of what the job's own files lack another warning tells.
_OWN_SITE: Final = f"http://{bundle.HOST}/"
# Of an answer that came whole, and is something else.
_NO_FONT: Final = "not a font"
# When these are reached, scripts of the page have still to run.
_EARLY: Final = frozenset({WaitUntil.COMMIT, WaitUntil.DOMCONTENTLOADED})


async def verdict_of(render: Render) -> VerdictDocument:
    """Judge what the render has made so far, and warn of what one would miss in it.

    Takes half a second at most.
    """
    case = await case_of(render)
    if case.missing_images:
        _warn(render, "images: these did not come", _told(render, case, IMAGE))
    if case.lost_sheets:
        _warn(render, "styles: these style sheets did not come", _told(render, case, STYLESHEET))
    if case.lost_fonts:
        _warn(render, "fonts: these cannot be used", case.lost_fonts)
    return judge(case)


async def case_of(render: Render) -> Case:
    """What is known of a render, for a judgement. Takes half a second at most."""
    noted, console_errors = await _notes(render)
    found, lifecycle = render.findings, render.page.lifecycle
    parts = FailedParts(render.page.port, found, noted)
    case = Case(
        asked_url=render.request.url,
        page=render.page_facts,
        findings=found,
        blank_share=render.blank_share,
        failed=parts.documents(),
        cut_height=render.cut_height,
        console_errors=console_errors,
        is_parsed=lifecycle.is_written or DOM_CONTENT_LOADED in lifecycle.reached,
        goes_on=render.goes_on,
    )
    return case if found is None else replace(case, **_missing(render, found, parts))


class _Missing(TypedDict):
    lost_fonts: list[str]
    missing_images: int
    pending_images: int
    shown_images: int
    lost_sheets: float


def _missing(render: Render, found: Findings, parts: FailedParts) -> _Missing:
    """What of the page's pictures and style sheets one would miss in the picture."""
    images, is_whole = found["images"], render.request.full_page or render.request.format not in PICTURES
    missing = [url for url, is_in_window in images["missing"] if is_whole or is_in_window]
    sheets = [url for url in found["sheets"] if not parts.is_unwanted(url)]
    # An empty style sheet does no harm, unless the page looks as if it had none.
    empty = set(found["emptySheets"]) if found["isPlain"] else set()

    def is_lost(url: str) -> bool:
        return parts.has(url) or url in empty

    return _Missing(
        lost_fonts=list(_lost_fonts(found, parts)),
        missing_images=sum(not parts.is_unwanted(url) for url in missing),
        pending_images=images["pagePending" if is_whole else "pending"],
        shown_images=images["pageShown" if is_whole else "shown"],
        lost_sheets=sum(map(is_lost, sheets)) / len(sheets) if sheets else 0.0,
    )


def _lost_fonts(found: Findings, parts: FailedParts) -> Iterator[str]:
    """Each family that failed and is to be told of, with its address and why, as far as they are known."""
    fonts = found["fonts"]
    for family in fonts["failed"]:
        sources = [(url, status) for name, url, status in fonts["sources"] if name == family]
        wanted = [
            (url, status)
            for url, status in sources
            if not parts.is_unwanted(url) and not url.startswith(_OWN_SITE)
        ]
        if sources and not wanted:
            continue
        whys = (
            (url, parts.reason(url) or (_NO_FONT if status == HTTPStatus.OK else ""))
            for url, status in wanted
        )
        words = [f"{address_name(url)}: {why}" for url, why in whys if why]
        yield f"{family} ({', '.join(words)})" if words else family


async def _notes(render: Render) -> tuple[dict[str, FailedRequest], int]:
    found, loader = render.findings, render.page.lifecycle.loader
    is_without_errors = _is_without_errors(render)
    if is_without_errors and found is not None and not (found["unsure"] or found["frames"]):
        return {}, 0  # Chromium's log knows no more
    try:
        async with asyncio.timeout(_LOOK_S):
            return await render.page.log.look(loader, with_errors=not is_without_errors)
    except (TimeoutError, DevToolsError):
        return {}, 0


def _is_without_errors(render: Render) -> bool:
    """Whether the page has told that its scripts made no error, so that the console need not be read.

    To read it takes 2 to 5 ms of CPU. The page does not know what its scripts do later, as when they are
    added, an action calls them, or the page was not waited for.
    """
    request, found = render.request, render.findings
    later = request.scripts, request.click, request.hover, request.scroll_into_view, request.actions
    if found is None or request.wait_until in _EARLY or any(later):
        return False
    return not (found["scriptErrors"] or found["frames"])


def _told(render: Render, case: Case, type_: str) -> list[str]:
    """Parts of a type in words for a warning, without those of which other warnings tell."""
    return [
        f"{one.url} ({one.status or one.error})" if one.status or one.error else one.url
        for one in case.failed
        if one.type == type_ and not _is_refused(render, one) and not one.url.startswith(_OWN_SITE)
    ]


def _is_refused(render: Render, part: FailedRequestDocument) -> bool:
    """Whether the egress proxy has refused it; there are addresses that Chromium itself refuses, too."""
    is_blocked = part.error == ErrorType.URL_BLOCKED
    return is_blocked and egress_report.verdict(render.page.port, part.url) is not None


def _warn(render: Render, what: str, names: Sequence[str]) -> None:
    if names:
        others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        render.warnings.append(f"{what}: {', '.join(names[:_NAMED])}{others}")
