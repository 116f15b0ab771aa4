"""Renders pages with some options or others, and says what it cost.

`python -m tests.bench.browsers.renders EXECUTABLE`: our own pipeline with one Chromium. The browser's page is
there before, and none is made meanwhile, so that a render is measured from the first command to the file.
With `in_a_row` so many renders are measured one after the other, with making and closing their pages.
"""

import os
import sys

import uvloop

from fleet.render.request import RenderRequest
from tests.bench.browsers.one_page import respond_with
from tests.bench.clients.responder import Document
from tests.bench.report.measure import cpu_s, exact_cpu_s, until_idle
from tests.kit.stages.browser_stage import MAX_BYTES, SITE_DOMAIN, TERMS, BrowserStage, request_for
from worker.render import pipeline


async def _render(stage: BrowserStage, question: Document) -> Document:
    """Question: path, options and perhaps in_a_row: then the answer is only the CPU of each render."""
    # By a name: for a host that is a number, lists of advertisements hide nothing.
    url = f"http://www{SITE_DOMAIN}:{stage.site.port}{question['path']}"
    request = request_for(url=url, **question["options"])
    if count := question.get("in_a_row"):
        return {"cpu_ms": await _cpu_ms_in_a_row(stage, request, count)}
    async with stage.pool.page() as page:
        await until_idle(os.getpid())
        before_s = exact_cpu_s(os.getpid())
        rendered = await pipeline.render(page, request, stage.output, TERMS, max_bytes=MAX_BYTES)
        cpu_ms = (exact_cpu_s(os.getpid()) - before_s) * 1000
    wall_ms = sum(rendered.timings_ms.values()) - page.waited_s * 1000
    return {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "size_bytes": rendered.artifact.size_bytes}


async def _cpu_ms_in_a_row(stage: BrowserStage, request: RenderRequest, count: int) -> float:
    await until_idle(os.getpid())
    before_s = cpu_s(os.getpid())
    for _ in range(count):
        async with stage.pool.page() as page:
            await pipeline.render(page, request, stage.output, TERMS, max_bytes=MAX_BYTES)
    await until_idle(os.getpid())
    return (cpu_s(os.getpid()) - before_s) * 1000 / count


if __name__ == "__main__":
    uvloop.run(respond_with(_render, sys.argv[1]))
