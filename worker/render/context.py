"""What the steps of one render share: what was asked, the page, and what has come of it so far."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts, PageFacts
from fleet.jobs.verdict import VerdictDocument
from fleet.render.request import RenderRequest
from worker.blocking.filter_lists import FilterLists
from worker.blocking.sieve import Sieve
from worker.browser.document.loading import COMMIT, STAGES
from worker.browser.page import Page
from worker.browser.protocol import ScreenshotClip
from worker.egress.terms import Terms
from worker.render.bounds import USUAL, Bounds
from worker.render.evidence.recorder import Recorder
from worker.render.evidence.replay import Replay
from worker.render.reports import unfinished
from worker.render.reports.blocked_counts import BlockedCounts
from worker.render.verdict.findings import Findings

T = TypeVar("T")

# Writes the PDFs of the tenant's own jobs into files.
FetchOwnPdfs: TypeAlias = Callable[[Mapping[UUID, Path]], Awaitable[None]]

# With `best_attempt`, what comes after a wait that has run out: a look at what is there, no wait.
_LOOK_S: Final = 1.0
_RUN_OUT: Final = frozenset({ErrorType.NAVIGATION_TIMEOUT, ErrorType.SELECTOR_NOT_FOUND})


@dataclass(slots=True)
class Render:
    """One render under way. A step reads what earlier ones left here and leaves its own result.

    Attributes:
        page: fresh, and thrown away afterwards.
        request: what the caller asked.
        path: the file that the artifact becomes.
        terms: what the page may reach; holds from `source` on.
        max_bytes: the largest artifact that is allowed.
        ignored_selectors: elements that do not count when the picture is compared.
        lists: of advertisements and trackers.
        fetch_own_pdfs: reads what other jobs of the tenant have made; None: this is no attempt at a job.
        navigation_deadline: the loop's time by which the page must be ready.
        bounds: what parts of the render may take.
        recorder: records the render; None: nothing is recorded.
        replay: answers the page's requests instead of the web; None: the web does.
        warnings: sentences for the caller about what is not as asked.
        blocked: counts what was kept out of the page; the steps that keep something out add to it.
        sieve: left by the step `blocking`: decides what is refused; None: nothing is.
        timings_s: what each stage has taken so far, in seconds.
        page_facts: left by the step `readiness`.
        findings: left by `readiness`: what a person would judge the page by; None: it did not say.
        goes_on: left by `readiness`: whether it waits no longer although something still went on.
        has_caret: left by `readiness`: whether the page may show a text cursor.
        has_lazy: left by `readiness`: whether the page has pictures or frames that load when scrolled to.
        cut_height: left by `full_page`: CSS pixels of the page's height that the picture does not hold.
        blank_share: left by `screenshot`: how much of the picture has one colour; None: not counted.
        awaited: what is being waited for, in words; empty: nothing is.
        verdict: left by `verdict`: what the result is worth.
        area: left by `full_page`: the part of the page that the picture shows; None: what is in the window.
        ignored_areas: left by `full_page` or `screenshot`: where the ignored elements are, as left, top,
            right and bottom in CSS pixels of the page.
        scrolled: left with them: how far the page was scrolled right and down.
        content: left by `screenshot` or `pdf`: the artifact's bytes, piece by piece.
        pages: left by `pdf` when the content was read: pages of a PDF; None: they are to be counted.
        artifact: left by `output`.
    """

    page: Page
    request: RenderRequest
    path: Path
    terms: Terms
    max_bytes: int
    navigation_deadline: float
    lists: FilterLists = field(default_factory=FilterLists)
    bounds: Bounds = USUAL
    fetch_own_pdfs: FetchOwnPdfs | None = None
    ignored_selectors: Sequence[str] = ()
    recorder: Recorder | None = None
    replay: Replay | None = None
    warnings: list[str] = field(default_factory=list)
    blocked: BlockedCounts = field(default_factory=BlockedCounts)
    sieve: Sieve | None = None
    timings_s: dict[str, float] = field(default_factory=dict)
    page_facts: PageFacts = field(default_factory=PageFacts)
    findings: Findings | None = None
    goes_on: bool = False
    has_caret: bool = False
    has_lazy: bool = False
    cut_height: int = 0
    blank_share: float | None = None
    awaited: str = ""
    verdict: VerdictDocument | None = None
    area: ScreenshotClip | None = None
    ignored_areas: list[tuple[float, ...]] = field(default_factory=list)
    scrolled: tuple[float, ...] = (0.0, 0.0)
    content: AsyncIterator[bytes] | None = None
    pages: int | None = None
    artifact: ArtifactFacts | None = None
    _captured_loader: str | None = None

    @property
    def timings_ms(self) -> dict[str, float]:
        """What each stage has taken so far, as a job document says it."""
        return {stage: round(seconds * 1000, 1) for stage, seconds in self.timings_s.items()}

    def hold_document(self) -> None:
        """From now on the page is captured: what it shows is the document that it shows now."""
        self._captured_loader = self.page.lifecycle.loader

    def require_same_document(self, *, cause: Exception | None = None) -> None:
        """Do nothing if the page still shows the document of `hold_document`.

        Args:
            cause: why the document may be another one: Chromium refused a command.

        Raises:
            RenderError: `content_rejected`: scripts have led it to another one, and a picture might show
                either of them, or an address that may not be rendered.
        """
        lifecycle = self.page.lifecycle
        if lifecycle.loader != self._captured_loader or (cause is not None and lifecycle.is_moving_on):
            detail = "the page went on to another address while it was captured"
            raise RenderError(ErrorType.CONTENT_REJECTED, detail) from cause

    async def require_staying(self) -> None:
        """Do nothing if the page still shows the document of `hold_document`, and is not about to leave it.

        Where it is, a little is waited: the address may be a download or have no content. Meanwhile Chromium
        answers nothing that is asked of the page.

        Raises:
            RenderError: `content_rejected`.
        """
        try:
            async with asyncio.timeout(self.bounds.leaving_s):
                await self.page.lifecycle.reach(COMMIT)
        except TimeoutError as error:
            detail = "the page went on to another address while it was captured, which does not answer"
            raise RenderError(ErrorType.CONTENT_REJECTED, detail) from error
        self.require_same_document()

    @asynccontextmanager
    async def until_ready(self, awaited: str) -> AsyncIterator[None]:
        """Bound a wait by `navigation_timeout_ms`, which all waits for the page share.

        Args:
            awaited: what the block waits for, in words that go into the message.

        Raises:
            RenderError: `navigation_timeout`; it names what was awaited, what was reached and what is open.
        """
        least_s = _LOOK_S if self.request.best_attempt else 0.0
        now = asyncio.get_running_loop().time()
        scope = asyncio.timeout_at(max(self.navigation_deadline, now + least_s))
        self.awaited = awaited
        try:
            async with scope:
                yield
            self.awaited = ""
        except TimeoutError as error:
            if not scope.expired():
                raise
            self.awaited = ""
            stages = self.page.lifecycle.reached
            reached = ", ".join(stage for stage in STAGES if stage in stages) or "nothing"
            waited = f"waited {self.request.navigation_timeout_ms} ms for {awaited}"
            detail = f"{waited}; reached so far: {reached}{await unfinished.describe(self.page)}"
            raise RenderError(ErrorType.NAVIGATION_TIMEOUT, detail) from error

    async def allow_timeout(self, wait: Awaitable[T]) -> T | None:
        """Wait; if the wait times out and the request has `best_attempt`, warn and go on.

        Returns:
            What the wait gives; None: it has timed out.

        Raises:
            RenderError: the wait's own, if the request has no `best_attempt`, or if there is no page.
        """
        try:
            return await wait
        except RenderError as error:
            is_there = COMMIT in self.page.lifecycle.reached
            if not (self.request.best_attempt and is_there and error.type in _RUN_OUT):
                raise
            self.warnings.append(f"best_attempt: {error.detail}")
            return None
