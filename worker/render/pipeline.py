"""The order of a render, as data: its steps, the stage to which the time of each counts, and its formats.

A new option group is a schema in `fleet/render/options`, a file of that name in `worker/render/steps` with
the function `run(render)`, and a line in STEPS. A step returns at once if its options were not asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts, BlockedFacts, PageFacts
from fleet.jobs.verdict import VerdictDocument
from fleet.render.options.output import PICTURES, TEXTS, Format
from fleet.render.origins import origin_of
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics.of_worker import RENDER_SECONDS
from fleet.telemetry.traces import span
from worker.blocking.filter_lists import SHIPPED_LISTS, FilterLists
from worker.browser.devtools import DevToolsError
from worker.browser.page import Page
from worker.egress.own_site.bundle import Bundle
from worker.egress.terms import Terms
from worker.render.bounds import USUAL, Bounds
from worker.render.context import FetchOwnPdfs, Render
from worker.render.evidence.recorder import Recorder
from worker.render.evidence.replay import Replay
from worker.render.reports import egress_report
from worker.render.reports.browser_errors import render_error
from worker.render.reports.last_look import Traces, look_last
from worker.render.reports.net_errors import OF_THE_NETWORK
from worker.render.steps import (
    actions,
    blocking,
    emulation,
    evidence,
    failing,
    full_page,
    identity,
    injection,
    output,
    overlays,
    pdf,
    readiness,
    screenshot,
    source,
    text,
    verdict,
    viewport,
)
from worker.resources.disk import full_error, is_almost_full

DOCUMENTS: Final = frozenset({Format.PDF})
ALL: Final = frozenset(Format)


class Stage(StrEnum):
    """The parts of a render that are timed, for the job document and for the metric."""

    CONTEXT = "context"
    NAVIGATION = "navigation"
    READINESS = "readiness"
    CAPTURE = "capture"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a render.

    Attributes:
        stage: to which its time counts.
        run: does it: reads what was asked and what earlier steps have left, and leaves its own result.
        formats: those of the artifact for which it is done.
    """

    stage: Stage
    run: Callable[[Render], Awaitable[None]]
    formats: frozenset[Format] = ALL

    @property
    def name(self) -> str:
        """That of the option group, for traces."""
        return f"step {self.run.__module__.rpartition('.')[2]}"


STEPS: Final = (
    Step(Stage.CONTEXT, viewport.run),
    Step(Stage.CONTEXT, emulation.run),
    Step(Stage.CONTEXT, blocking.run),
    Step(Stage.CONTEXT, identity.run),
    Step(Stage.CONTEXT, evidence.run),
    Step(Stage.NAVIGATION, source.run),
    Step(Stage.READINESS, readiness.run),
    Step(Stage.READINESS, overlays.run),
    Step(Stage.READINESS, injection.run),
    Step(Stage.READINESS, actions.run),
    Step(Stage.READINESS, failing.run),
    Step(Stage.CAPTURE, full_page.run, PICTURES),
    Step(Stage.CAPTURE, screenshot.run, PICTURES),
    Step(Stage.CAPTURE, pdf.run, DOCUMENTS),
    Step(Stage.CAPTURE, text.run, TEXTS),
    Step(Stage.CAPTURE, verdict.run),
    Step(Stage.CAPTURE, output.run),
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a render.

    Attributes:
        artifact: the file.
        page: what the page says of itself.
        timings_ms: by stage; the wait for a page counts to `context`.
        warnings: sentences for the caller about what is not as asked.
        blocked: what was kept out of the page; None: the request asked to keep nothing out.
        verdict: what the result is worth; None: it was not judged.
    """

    artifact: ArtifactFacts
    page: PageFacts
    timings_ms: dict[str, float]
    warnings: list[str]
    blocked: BlockedFacts | None = None
    verdict: VerdictDocument | None = None


async def render(
    page: Page,
    request: RenderRequest,
    output_path: Path,
    terms: Terms,
    *,
    max_bytes: int,
    bounds: Bounds = USUAL,
    lists: FilterLists = SHIPPED_LISTS,
    fetch_own_pdfs: FetchOwnPdfs | None = None,
    ignored_selectors: Sequence[str] = (),
    recorder: Recorder | None = None,
    replay: Replay | None = None,
    deadline: asyncio.Timeout | None = None,
    traces: Traces | None = None,
) -> Rendered:
    """Render a request in a fresh page and write the artifact to `output_path`.

    Args:
        page: fresh.
        request: what is asked.
        output_path: where the artifact is written.
        terms: what the page may reach.
        max_bytes: the largest artifact that is allowed.
        bounds: limits in seconds and bytes for parts of the render that have no option, such as scrolling.
        lists: what blocks advertisements and trackers.
        fetch_own_pdfs: reads what other jobs of the tenant have made.
        ignored_selectors: elements that do not count when the picture is compared.
        recorder: records the render.
        replay: answers the page's requests instead of the web.
        deadline: the attempt's; every wait in here can be cancelled. A page whose time is over is looked at
            for a last time, so that its owner learns what it waited for.
        traces: gets what is known of the render, also if it fails.

    Raises:
        RenderError: for every reason that the job's owner is told.
    """
    ready_by = asyncio.get_running_loop().time() + request.navigation_timeout_ms / 1000
    work = Render(
        page,
        request,
        output_path,
        terms,
        max_bytes,
        lists=lists,
        navigation_deadline=ready_by,
        bounds=bounds,
        fetch_own_pdfs=fetch_own_pdfs,
        ignored_selectors=ignored_selectors,
        recorder=recorder,
        replay=replay,
    )
    try:
        await run_steps(work)
    except asyncio.CancelledError:
        # Who cancels a job does not want to wait for more.
        if traces is not None and deadline is not None and deadline.expired():
            await look_last(work, traces, is_late=True)
        raise
    except (DevToolsError, RenderError) as error:
        if traces is not None:
            await look_last(work, traces)
        named = await _named(error, work)
        if named is error:
            raise
        raise named from error
    if traces is not None:
        traces.take(work)
    return _rendered(work)


async def _named(error: DevToolsError | RenderError, work: Render) -> RenderError:
    """What the job's owner is told of an error."""
    page, folder = work.page, work.path.parent
    if isinstance(error, DevToolsError):
        return await render_error(error, page, folder)
    if error.type is ErrorType.BROWSER_UNAVAILABLE and is_almost_full(folder):
        return full_error(folder)
    if error.type in OF_THE_NETWORK and (outage := egress_report.outage(page)):
        return outage
    return error


async def run_steps(work: Render) -> None:
    """Run the steps of the work's format, then tell what the page could not reach.

    The seconds of each stage are left in `work`; the wait for a page counts to the first one.

    Raises:
        RenderError: a step's, or `egress_unavailable`.
        DevToolsError: the browser ended, or refuses.
    """
    clock = asyncio.get_running_loop().time
    work.timings_s = {Stage.CONTEXT.value: work.page.waited_s}
    for step in STEPS:
        if work.request.format in step.formats:
            started, stage = clock(), step.stage.value
            work.page.stage = stage
            try:
                with span(step.name):
                    await step.run(work)
            finally:
                work.timings_s[stage] = work.timings_s.get(stage, 0) + clock() - started
    _report_egress(work)
    _report_identity(work)
    work.warnings.extend(work.replay.warnings() if work.replay is not None else ())


def _report_egress(work: Render) -> None:
    """Warn of what the page asked for and did not get. What the caller itself has blocked is no news.

    Raises:
        RenderError: `egress_unavailable`: the page lacks parts because our own way out did not work, so that
            the artifact is not what was asked for.
    """
    if error := egress_report.outage(work.page):
        raise error
    work.warnings.extend(egress_report.warnings(work.page.port))
    if isinstance(work.terms.own_site, Bundle):
        work.warnings.extend(egress_report.file_warnings(work.terms.own_site))


def _report_identity(work: Render) -> None:
    """Warn if the page went on to another origin: `headers` and `basic_auth` go only to that of `url`."""
    request, final_url = work.request, work.page_facts.final_url
    names = [name for name in ("headers", "basic_auth") if getattr(request, name)]
    if request.url is None or not names or final_url is None or not final_url.startswith("http"):
        return
    address = urlsplit(final_url)
    if (origin := f"{address.scheme}://{address.netloc.rpartition('@')[2]}") != origin_of(request.url):
        given = " and ".join(f"`{name}`" for name in names)
        work.warnings.append(
            f"identity: the page went on to {origin}; {given} went only to the origin of `url`, and not there"
        )


def _rendered(work: Render) -> Rendered:
    assert work.artifact is not None, "the last step leaves it"  # noqa: S101
    for stage, seconds in work.timings_s.items():
        RENDER_SECONDS.labels(stage).observe(seconds)
    return Rendered(
        artifact=work.artifact,
        page=work.page_facts,
        timings_ms=work.timings_ms,
        warnings=work.warnings,
        blocked=work.blocked.facts(),
        verdict=work.verdict,
    )
