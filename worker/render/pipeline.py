"""The order of a render, as data: its steps, the stage to which the time of each counts, and its formats.

A new option group is a schema in `fleet/render/options`, a file of that name in `worker/render/steps` with
the function `run(render)`, and a line in STEPS. A step returns at once if its options were not asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts, PageFacts
from fleet.render.options.output import PICTURES, TEXTS, Format
from fleet.render.origins import origin_of
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics import RENDER_SECONDS
from worker.browser.devtools import DevToolsError
from worker.browser.page import Page
from worker.egress.terms import Terms
from worker.render import egress_report
from worker.render.browser_errors import render_error
from worker.render.context import Render
from worker.render.net_errors import OF_THE_NETWORK
from worker.render.steps import (
    actions,
    blocking,
    emulation,
    failing,
    full_page,
    identity,
    injection,
    output,
    pdf,
    readiness,
    screenshot,
    source,
    text,
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


STEPS: Final = (
    Step(Stage.CONTEXT, viewport.run),
    Step(Stage.CONTEXT, emulation.run),
    Step(Stage.CONTEXT, blocking.run),
    Step(Stage.CONTEXT, identity.run),
    Step(Stage.NAVIGATION, source.run),
    Step(Stage.READINESS, readiness.run),
    Step(Stage.READINESS, injection.run),
    Step(Stage.READINESS, actions.run),
    Step(Stage.READINESS, failing.run),
    Step(Stage.CAPTURE, full_page.run, PICTURES),
    Step(Stage.CAPTURE, screenshot.run, PICTURES),
    Step(Stage.CAPTURE, pdf.run, DOCUMENTS),
    Step(Stage.CAPTURE, text.run, TEXTS),
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
    """

    artifact: ArtifactFacts
    page: PageFacts
    timings_ms: dict[str, float]
    warnings: list[str]


async def render(
    page: Page, request: RenderRequest, output_path: Path, terms: Terms, *, max_bytes: int
) -> Rendered:
    """Render a request in a fresh page and write the artifact to `output_path`.

    The attempt's deadline is the caller's: every wait in here can be cancelled.

    Raises:
        RenderError: for every reason that the job's owner is told.
    """
    deadline = asyncio.get_running_loop().time() + request.navigation_timeout_ms / 1000
    work = Render(page, request, output_path, terms, max_bytes, navigation_deadline=deadline)
    try:
        timings_s = await run_steps(work)
    except DevToolsError as error:
        raise await render_error(error, page, output_path.parent) from error
    except RenderError as error:
        if error.type is ErrorType.BROWSER_UNAVAILABLE and is_almost_full(output_path.parent):
            raise full_error(output_path.parent) from error
        if error.type in OF_THE_NETWORK and (outage := egress_report.outage(page)):
            raise outage from error
        raise
    return _rendered(work, timings_s)


async def run_steps(work: Render) -> dict[Stage, float]:
    """Run the steps of the work's format, then tell what the page could not reach.

    Returns:
        The seconds of each stage; the wait for a page counts to the first one.

    Raises:
        RenderError: a step's, or `egress_unavailable`.
        DevToolsError: the browser ended, or refuses.
    """
    clock = asyncio.get_running_loop().time
    timings_s = {Stage.CONTEXT: work.page.waited_s}
    for step in STEPS:
        if work.request.format in step.formats:
            started = clock()
            await step.run(work)
            timings_s[step.stage] = timings_s.get(step.stage, 0) + clock() - started
    _report_egress(work)
    _report_identity(work)
    return timings_s


def _report_egress(work: Render) -> None:
    """Warn of what the page asked for and did not get. What the caller itself has blocked is no news.

    Raises:
        RenderError: `egress_unavailable`: the page lacks parts because our own way out did not work, so that
            the artifact is not what was asked for.
    """
    if error := egress_report.outage(work.page):
        raise error
    work.warnings.extend(egress_report.warnings(work.page.port.record))


def _report_identity(work: Render) -> None:
    """Warn if the page that is shown was not sent what the caller has given for it."""
    request, final_url = work.request, work.page_facts.final_url
    names = [name for name in ("headers", "basic_auth") if getattr(request, name)]
    if request.url is None or not names or final_url is None or not final_url.startswith("http"):
        return
    address = urlsplit(final_url)
    if (origin := f"{address.scheme}://{address.netloc.rpartition('@')[2]}") != origin_of(request.url):
        given = " and ".join(f"`{name}`" for name in names)
        work.warnings.append(
            f"identity: the page went on to {origin}, which was not sent {given}: "
            "they go to the origin of `url` alone"
        )


def _rendered(work: Render, timings_s: dict[Stage, float]) -> Rendered:
    assert work.artifact is not None, "the last step leaves it"  # noqa: S101
    for stage, seconds in timings_s.items():
        RENDER_SECONDS.labels(stage).observe(seconds)
    return Rendered(
        artifact=work.artifact,
        page=work.page_facts,
        timings_ms={stage: round(seconds * 1000, 1) for stage, seconds in timings_s.items()},
        warnings=work.warnings,
    )
