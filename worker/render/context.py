"""What the steps of one render share: what was asked, the page, and what has come of it so far."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts, PageFacts
from fleet.render.request import RenderRequest
from worker.browser.document.loading import COMMIT, STAGES
from worker.browser.page import Page
from worker.browser.protocol import ScreenshotClip
from worker.egress.terms import Terms
from worker.render import unfinished

T = TypeVar("T")

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
        navigation_deadline: the loop's time by which the page must be ready.
        warnings: sentences for the caller about what is not as asked.
        page_facts: left by the step `readiness`.
        has_caret: left by `readiness`: whether the page may show a text cursor.
        area: left by `full_page`: the part of the page that the picture shows; None: what is in the window.
        content: left by `screenshot` or `pdf`: the artifact's bytes, piece by piece.
        artifact: left by `output`.
    """

    page: Page
    request: RenderRequest
    path: Path
    terms: Terms
    max_bytes: int
    navigation_deadline: float
    warnings: list[str] = field(default_factory=list)
    page_facts: PageFacts = field(default_factory=PageFacts)
    has_caret: bool = False
    area: ScreenshotClip | None = None
    content: AsyncIterator[bytes] | None = None
    artifact: ArtifactFacts | None = None
    _captured_loader: str | None = None

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
        try:
            async with scope:
                yield
        except TimeoutError as error:
            if not scope.expired():
                raise
            stages = self.page.lifecycle.reached
            reached = ", ".join(stage for stage in STAGES if stage in stages) or "nothing"
            waited = f"waited {self.request.navigation_timeout_ms} ms for {awaited}"
            detail = f"{waited}; reached so far: {reached}{await unfinished.describe(self.page)}"
            raise RenderError(ErrorType.NAVIGATION_TIMEOUT, detail) from error

    async def at_best(self, wait: Awaitable[T]) -> T | None:
        """Go on after a wait that has run out if the caller wants what is there then (`best_attempt`).

        Returns:
            What the wait gives; None: it has run out.

        Raises:
            RenderError: the wait's own, if the caller does not want that, or if there is no page.
        """
        try:
            return await wait
        except RenderError as error:
            is_there = COMMIT in self.page.lifecycle.reached
            if not (self.request.best_attempt and is_there and error.type in _RUN_OUT):
                raise
            self.warnings.append(f"best_attempt: {error.detail}")
            return None
