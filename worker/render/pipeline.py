"""The order of a render, as data: what happens, in which stage it counts, and to which formats it applies.

A new option group is a new line in STEPS and a file in worker/render/steps.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.output import Format
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics import RENDER_SECONDS
from worker.browser.devtools import ConnectionLostError, DevToolsError, TargetCrashedError
from worker.browser.page import Page
from worker.egress.terms import Terms
from worker.render.context import Facts, Render
from worker.render.steps import (
    blocking,
    identity,
    output,
    pdf,
    readiness,
    screenshot,
    source,
    viewport,
)
from worker.resources.disk import full_error, is_cramped

PICTURES: Final = frozenset({Format.PNG, Format.JPEG, Format.WEBP})
DOCUMENTS: Final = frozenset({Format.PDF})
ALL: Final = PICTURES | DOCUMENTS


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the stage of `timings_ms` that it counts to, what it does, and for which formats."""

    stage: str
    run: Callable[[Render], Awaitable[None]]
    formats: frozenset[Format] = ALL


STEPS: Final = (
    Step("context", viewport.apply),
    Step("context", blocking.apply),
    Step("context", identity.apply),
    Step("navigation", source.open_source),
    Step("readiness", readiness.wait),
    Step("capture", screenshot.capture, PICTURES),
    Step("capture", pdf.print_page, DOCUMENTS),
    Step("capture", output.deliver),
    Step("capture", blocking.tell),
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a render.

    Attributes:
        content_type: of the file.
        size_bytes: of the file.
        sha256: of the file, in hexadecimal.
        width_px: of a picture, in device pixels.
        height_px: of a picture, in device pixels.
        pages: of a PDF.
        facts: what the page says of itself.
        timings_ms: by stage: context (the wait for a page included), navigation, readiness, capture.
        warnings: sentences for the caller about what is not as asked.
    """

    content_type: str
    size_bytes: int
    sha256: str
    width_px: int | None
    height_px: int | None
    pages: int | None
    facts: Facts
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
        timings_s = await walk(work)
    except DevToolsError as error:
        raise _render_error(error, page, output_path.parent) from error
    except RenderError as error:
        if error.type is ErrorType.BROWSER_UNAVAILABLE and is_cramped(output_path.parent):
            raise full_error(output_path.parent) from error
        raise
    return _rendered(work, timings_s)


async def walk(work: Render) -> dict[str, float]:
    """Go through the steps of the work's format; the seconds of each stage, the wait for a page included.

    Raises:
        RenderError: a step's.
        DevToolsError: the browser ended, or refuses.
    """
    clock = asyncio.get_running_loop().time
    timings_s = {"context": work.page.waited_s}
    for step in STEPS:
        if work.request.format in step.formats:
            started = clock()
            await step.run(work)
            timings_s[step.stage] = timings_s.get(step.stage, 0) + clock() - started
    return timings_s


def _render_error(error: DevToolsError, page: Page, folder: Path) -> RenderError:
    """What the job's owner is told of a browser that did not do what it should."""
    if page.memory.excess is not None and isinstance(error, TargetCrashedError):
        return RenderError(ErrorType.MEMORY_LIMIT_EXCEEDED, str(page.memory.excess))
    # On a full disk renderers crash first, then the browser: that is not the page's doing.
    if is_cramped(folder):
        return full_error(folder)
    if isinstance(error, TargetCrashedError):
        return RenderError(ErrorType.PAGE_CRASHED, "the page's renderer process ended")
    if isinstance(error, ConnectionLostError):
        return RenderError(ErrorType.BROWSER_UNAVAILABLE, "the browser ended during the render")
    return RenderError(ErrorType.INTERNAL_ERROR, "the browser refused a step of the render")


def _rendered(work: Render, timings_s: dict[str, float]) -> Rendered:
    assert work.artifact is not None, "the last step leaves it"  # noqa: S101
    for stage, seconds in timings_s.items():
        RENDER_SECONDS.labels(stage).observe(seconds)
    artifact = work.artifact
    return Rendered(
        content_type=artifact.content_type,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        width_px=artifact.width_px,
        height_px=artifact.height_px,
        pages=artifact.pages,
        facts=work.facts,
        timings_ms={stage: round(seconds * 1000, 1) for stage, seconds in timings_s.items()},
        warnings=work.warnings,
    )
