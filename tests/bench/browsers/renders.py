"""Renders pages with some options or others, and says what it cost.

`python -m tests.bench.browsers.renders EXECUTABLE`: our own pipeline with one Chromium. The browser's page is
there before. A render is measured from the first command to the file; with `is_whole` from before its page is
taken until the page is closed, the next one is made and all is quiet.
"""

import os
import sys

import uvloop

from tests.bench.browsers.one_page import respond_with
from tests.bench.clients.responder import Document
from tests.bench.report.measure import exact_cpu_s, until_idle
from tests.kit.stages.browser_stage import MAX_BYTES, SITE_DOMAIN, TERMS, BrowserStage, request_for
from worker.render import pipeline


async def _render(stage: BrowserStage, question: Document) -> Document:
    """Question: path, options and perhaps is_whole."""
    is_whole = question.get("is_whole", False)
    # By a name: for a host that is a number, lists of advertisements hide nothing.
    url = f"http://www{SITE_DOMAIN}:{stage.site.port}{question['path']}"
    request = request_for(url=url, **question["options"])
    await until_idle(os.getpid())
    whole_before_s = exact_cpu_s(os.getpid())
    async with stage.pool.page() as page:
        if not is_whole:
            await until_idle(os.getpid())
        before_s = exact_cpu_s(os.getpid())
        rendered = await pipeline.render(page, request, stage.output, TERMS, max_bytes=MAX_BYTES)
        cpu_s = exact_cpu_s(os.getpid()) - before_s
    if is_whole:
        await until_idle(os.getpid())
        cpu_s = exact_cpu_s(os.getpid()) - whole_before_s
    wall_ms = sum(rendered.timings_ms.values()) - page.waited_s * 1000
    return {"cpu_ms": cpu_s * 1000, "wall_ms": wall_ms, "size_bytes": rendered.artifact.size_bytes}


if __name__ == "__main__":
    uvloop.run(respond_with(_render, sys.argv[1]))
