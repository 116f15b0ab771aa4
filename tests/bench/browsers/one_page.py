"""What programs of this folder share that measure one page at a time: one Chromium, and answers to questions.

There is never a second page, and none is opened ahead, so that nothing else is measured.
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

from fleet.telemetry.logs import LogSettings, configure_logs
from tests.bench.clients.responder import Document, respond
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site

Answering: TypeAlias = Callable[[BrowserStage, Document], Awaitable[Document]]


async def respond_with(answering: Answering, executable: str) -> None:
    """Answer the questions on stdin, each with the same Chromium, until stdin ends."""
    os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"] = executable
    configure_logs(LogSettings(log_level="error"))  # answers go to stdout, where logs go, too
    async with AsyncExitStack() as stack:
        site = stack.enter_context(Site())
        stage = await stack.enter_async_context(
            browser_stage(site, browser_max_pages=1, browser_warm_pages=0)
        )

        async def answer(question: Document) -> Document:
            return await answering(stage, question)

        await respond(answer)
