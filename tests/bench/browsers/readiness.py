"""Renders pages with one wait or another, and judges the pictures by what each page looks like at its end.

`python -m tests.bench.browsers.readiness EXECUTABLE`: our own pipeline and Playwright, with a Chromium each.
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import uvloop
from PIL import Image
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from fleet.errors import RenderError
from fleet.telemetry.logs import LogSettings, configure_logs
from tests.bench.browsers.contender import capture_with_retries
from tests.bench.clients.responder import Document, respond
from tests.kit.documents.finished_pictures import compared, is_same
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site import finished
from tests.site.server import Site

# No page of the site takes longer to finish, so that its picture after this time is the right one.
_FINISHED_MS: Final = 5_000
_TIMEOUT_MS: Final = 6_000
_PLAYWRIGHT: Final = "Playwright "


@dataclass(slots=True)
class Judge:
    """Both contenders, and the pictures of finished pages."""

    stage: BrowserStage
    browser: Browser
    finished: dict[str, Image.Image]

    async def answer(self, question: Document) -> Document:
        """Question: path and wait. Is the picture right, and when was it taken."""
        path, wait = question["path"], question["wait"]
        if path not in self.finished:
            self.finished[path] = compared((await self._ours(path, "load", delay_ms=_FINISHED_MS))[0])
        try:
            name = wait.removeprefix(_PLAYWRIGHT)
            picture, wall_ms = await (
                self._ours(path, wait) if name == wait else self._playwright(path, name)
            )
        except (RenderError, PlaywrightError):
            return {"is_right": False, "wall_ms": None}
        return {"is_right": is_same(compared(picture), self.finished[path]), "wall_ms": wall_ms}

    async def _ours(self, path: str, wait: str, **options: Any) -> tuple[bytes, float]:
        rendered = await self.stage.render(
            path, wait_until=wait, viewport=finished.WINDOW, navigation_timeout_ms=_TIMEOUT_MS, **options
        )
        wall_ms = rendered.timings_ms["navigation"] + rendered.timings_ms["readiness"]
        return self.stage.output.read_bytes(), wall_ms

    async def _playwright(self, path: str, wait: str) -> tuple[bytes, float]:
        clock = asyncio.get_running_loop().time
        context = await self.browser.new_context(viewport={"width": 640, "height": 360})
        try:
            page = await context.new_page()
            started = clock()
            await page.goto(
                self.stage.site.url(path),
                wait_until="networkidle" if wait == "networkidle" else "load",
                timeout=_TIMEOUT_MS,
            )
            wall_ms = (clock() - started) * 1000
            return await capture_with_retries(page.screenshot), wall_ms
        finally:
            await context.close()


async def _main(executable: str) -> None:
    os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"] = executable
    configure_logs(LogSettings(log_level="error"))  # answers go to stdout, where logs go, too
    async with AsyncExitStack() as stack:
        site = stack.enter_context(Site())
        stage = await stack.enter_async_context(
            browser_stage(site, browser_max_pages=1, browser_warm_pages=1)
        )
        started = await stack.enter_async_context(async_playwright())
        browser = await started.chromium.launch(executable_path=executable, chromium_sandbox=True)
        await respond(Judge(stage, browser, {}).answer)
        await browser.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
