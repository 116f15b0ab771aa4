"""`wait_until=auto`: the picture shows the finished page. One page for each way in which pages finish."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image

from tests.kit.documents.finished_pictures import compared, is_same
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from tests.site import finished
from worker.render import pipeline
from worker.render.pipeline import Rendered
from worker.render.waiting.settle import wait_rest

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# What the left half of a page shows at its end, for those that show the same.
THERE = "<div class='card'>there</div>"
CARDS = "".join(f"<div class='card' style='width:{width}px'>{width}</div>" for width in (130, 210, 260))


async def picture(
    stage: BrowserStage, folder: Path, *, page: str = "", html: str | None = None, **options: Any
) -> tuple[Image.Image, Rendered]:
    source = {"html": html} if html is not None else {"url": stage.site.url(f"/finished/{page}")}
    request = request_for(**source, viewport=finished.WINDOW, **options)
    path = folder / f"{page}-{options}"
    async with stage.pool.page() as opened:
        rendered = await pipeline.render(opened, request, path, TERMS, max_bytes=MAX_BYTES)
    return compared(path.read_bytes()), rendered


@pytest.mark.parametrize(
    ("page", "shows"),
    [
        ("skeleton-chain", CARDS),
        ("skeleton-timer", THERE),
        ("lazy-list", f"<div>more</div>{CARDS}"),
        ("module", THERE),
        ("react", CARDS),
        ("leads-on", CARDS),
        ("polling", CARDS),
        ("long-polling", THERE),
        ("events", THERE),
        ("socket", THERE),
        ("film", CARDS),
        ("endless-css", THERE),
        ("endless-canvas", CARDS),
        ("statistics", THERE),
    ],
)
async def test_the_picture_shows_what_the_page_shows_at_its_end(
    shared: BrowserStage, tmp_path: Path, page: str, shows: str
) -> None:
    head = f"<!doctype html><link rel=stylesheet href={shared.site.url('/finished/base.css')}>"
    (at_end, _), (found, rendered) = await asyncio.gather(
        picture(shared, tmp_path, html=f"{head}<div id=left>{shows}</div>"),
        picture(shared, tmp_path, page=page),
    )
    assert is_same(found, at_end)
    assert rendered.warnings == [], "it was not waited until the time was over"


@pytest.mark.parametrize("page", ["chartjs-doughnut", "d3-bars", "frame-sandboxed"])
async def test_a_chart_is_whole_and_was_not_at_the_load_event(
    shared: BrowserStage, tmp_path: Path, page: str
) -> None:
    (at_end, _), (found, rendered), (early, _) = await asyncio.gather(
        picture(shared, tmp_path, page=page, wait_until="load", delay_ms=3_500),
        picture(shared, tmp_path, page=page),
        picture(shared, tmp_path, page=page, wait_until="load"),
    )
    assert is_same(found, at_end)
    assert not is_same(early, at_end)
    assert rendered.warnings == []


async def test_what_goes_on_when_the_time_is_over_is_named(shared: BrowserStage) -> None:
    url = shared.site.url("/silent")
    rendered = await shared.render(html=f"<title>there</title><script>fetch('{url}?secret')</script>")
    assert rendered.warnings == [f"wait_until=auto: captured while this still went on: {url}"]


async def test_a_request_that_the_page_gives_up_is_not_awaited(shared: BrowserStage) -> None:
    url = shared.site.url("/silent")
    script = f"const stop = new AbortController; fetch('{url}', {{signal: stop.signal}}).catch(() => 0)"
    html = f"<title>there</title><script>{script}; setTimeout(() => stop.abort(), 100)</script>"
    async with shared.page() as page:
        await page.set_html(html)
        await page.lifecycle.reach("load")
        going_on = (await wait_rest(page, 1.5)).going_on
        assert page.port.open_requests() == [url], "the server still has it"
        assert url not in going_on


@pytest.mark.parametrize("is_added_later", [False, True])
async def test_a_pdf_holds_the_pictures_that_nobody_has_scrolled_to(
    shared: BrowserStage, *, is_added_later: bool
) -> None:
    images = [
        f"<div style='height:900px'><img loading=lazy src={shared.site.url(f'/photo/{number}.jpg')}></div>"
        for number in range(8)
    ]
    html = "".join(images)
    page: dict[str, Any] = {"html": html}
    if is_added_later:
        page = {"html": "<p>x</p>", "scripts": [f"document.body.innerHTML = {json.dumps(html)}"]}
    rendered = await shared.render(**page, format="pdf")
    pages = pypdf.PdfReader(shared.output).pages
    assert sum(len(page.images) for page in pages) == 8
    assert rendered.warnings == []


async def test_an_animation_of_a_page_whose_scripts_do_not_run_is_awaited(
    shared: BrowserStage, tmp_path: Path
) -> None:
    (at_end, _), (found, rendered) = await asyncio.gather(
        picture(shared, tmp_path, page="fade-in", wait_until="load", delay_ms=2_000),
        picture(shared, tmp_path, page="fade-in", java_script_enabled=False),
    )
    assert is_same(found, at_end)
    assert rendered.warnings == []
