"""What is told of an attempt that has failed: what the page was, how long it took, and what it waited for."""

import asyncio
import contextlib
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from fleet.errors import RenderError
from fleet.jobs.facts import PageFacts
from fleet.jobs.verdict import VerdictDocument
from worker.browser.devtools import DevToolsError
from worker.browser.document.loading import COMMIT
from worker.browser.document.script_value import EvaluationError
from worker.render.context import Render
from worker.render.reports import unfinished
from worker.render.verdict.look import verdict_of
from worker.render.waiting.arrival import look_in_passing

# A page that is too busy to answer by then is told of as far as it is known.
_LOOK_S: Final = 0.5


@dataclass(slots=True)
class Traces:
    """What a render has left, be it that it failed or what came after it.

    Attributes:
        timings_ms: by stage, also of the one in which it failed.
        page: what the page said of itself; None: nothing.
        warnings: sentences for the caller.
        verdict: what the page is worth; None: there was none.
        still_open: what the page still waited for, in words that go behind an error; may be empty.
    """

    timings_ms: dict[str, float] = field(default_factory=dict)
    page: PageFacts | None = None
    warnings: list[str] = field(default_factory=list)
    verdict: VerdictDocument | None = None
    still_open: str = ""

    def take(self, work: Render) -> None:
        """Keep what is known of a render."""
        self.timings_ms = work.timings_ms
        self.warnings = work.warnings
        self.verdict = work.verdict
        self.page = work.page_facts if work.page_facts.final_url is not None else None

    def facts(self) -> dict[str, Any]:
        """What is known, as the evidence of the attempt has it."""
        return {
            "page": None if self.page is None else asdict(self.page),
            "timings_ms": self.timings_ms,
            "warnings": self.warnings,
            "verdict": None if self.verdict is None else self.verdict.model_dump(),
        }


async def look_last(work: Render, traces: Traces, *, is_late: bool = False) -> None:
    """Leave the traces of a render that has failed. Takes a second at most.

    Args:
        work: the render.
        traces: get what is known.
        is_late: whether it has failed because its time was over.
    """
    has_page = work.page.is_alive and COMMIT in work.page.lifecycle.reached
    if is_late and work.page.is_alive:
        awaited = f": {work.awaited}" if work.awaited else ""
        traces.still_open = awaited + await unfinished.describe(work.page)
    if has_page and work.page.lifecycle.unreachable_url is None and work.page_facts.final_url is None:
        # What may not be shown is not told of either.
        with contextlib.suppress(TimeoutError, RenderError, DevToolsError, EvaluationError):
            async with asyncio.timeout(_LOOK_S):
                await look_in_passing(work)
    if work.page_facts.final_url is not None and work.verdict is None:
        work.verdict = await verdict_of(work)
    traces.take(work)
