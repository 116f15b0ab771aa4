"""Renders labelled pages and keeps what is known of each, so that rules can be tried without more renders."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from tests.verdicts.page import LabelledPage
from worker.render.context import Render
from worker.render.pipeline import run_steps
from worker.render.verdict.judge import Case
from worker.render.verdict.look import case_of

_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Rendered:
    """A labelled page, and what is known of its render."""

    page: LabelledPage
    case: Case


async def rendered(
    stage: BrowserStage,
    address: str,
    pages: Iterable[LabelledPage],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Rendered]:
    """Render pages.

    Args:
        stage: a pool of browsers.
        address: of the server that has the pages.
        pages: the pages.
        tell: gets the name of each page that is done.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(page: LabelledPage) -> Rendered:
        async with turns:
            case = await _case(stage, address, page)
            tell(page.name)
            return Rendered(page, case)

    return await asyncio.gather(*map(one, pages))


async def _case(stage: BrowserStage, address: str, page: LabelledPage) -> Case:
    request = request_for(url=f"{address}{page.asked}", **page.kind.options)
    output = stage.folder / page.name.replace("/", "-")
    ready_by = asyncio.get_running_loop().time() + request.navigation_timeout_ms / 1000
    async with stage.pool.page() as opened:
        work = Render(opened, request, output, TERMS, MAX_BYTES, navigation_deadline=ready_by)
        await run_steps(work)
        output.unlink()
        return await case_of(work)
