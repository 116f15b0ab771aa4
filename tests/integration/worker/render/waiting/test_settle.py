"""A page at rest: what changes and ends is awaited, what goes on for ever is not."""

import asyncio
from typing import Any

import pytest

from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import BrowserStage
from worker.render.waiting import settle

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

FADE = "<style>@keyframes fade{{from{{opacity:0}}to{{opacity:1}}}}h1{{animation:fade {}}}</style><h1>x</h1>"
OPACITY = "getComputedStyle(document.querySelector('h1')).opacity"
COUNT = "let n = 0; const timer = setInterval(() => {0}, 20)"


async def at_rest(stage: BrowserStage, html: str, question: str, limit_s: float = PATIENCE_S) -> Any:
    """What the page answers to a question when it has come to rest after it was written.

    The product's own limit is of 3 s, in which a busy machine may not draw a single frame.
    """
    async with stage.page() as page:
        await page.set_html(html)
        await page.lifecycle.reach("load")
        await settle.wait_rest(page, limit_s)
        return await page.evaluate(question)


async def test_an_animation_that_ends_is_awaited(shared: BrowserStage) -> None:
    assert await at_rest(shared, FADE.format("700ms"), OPACITY) == "1"


async def test_a_web_animation_is_awaited(shared: BrowserStage) -> None:
    script = "document.querySelector('h1').animate({opacity: [0, 1]}, 700)"
    assert await at_rest(shared, f"<h1>x</h1><script>{script}</script>", OPACITY) == "1"


async def test_a_transition_is_awaited(shared: BrowserStage) -> None:
    html = "<h1 style='opacity:0;transition:opacity 700ms'>x</h1><script>{}</script>"
    script = "document.body.offsetWidth; document.querySelector('h1').style.opacity = 1"
    assert await at_rest(shared, html.format(script), OPACITY) == "1"


async def test_numbers_that_count_up_are_awaited(shared: BrowserStage) -> None:
    count = COUNT.format("{h.textContent = ++n; n == 15 && clearInterval(timer)}")
    html = f"<h1 id=h></h1><script>{count}</script>"
    assert await at_rest(shared, html, "document.querySelector('h1').textContent") == "15"


@pytest.mark.parametrize("context", ["2d", "webgl"])
async def test_a_canvas_that_is_being_drawn_is_awaited(shared: BrowserStage, context: str) -> None:
    draw = {
        "2d": "pen.fillRect(0, 0, 3 * share, 100)",
        "webgl": "pen.clearColor(share / 100, 0, 0, 1), pen.clear(pen.COLOR_BUFFER_BIT)",
    }[context]
    html = f"""<canvas id=c width=300 height=100></canvas><script>
      const pen = c.getContext("{context}"), began = performance.now();
      (function frame() {{
        const share = Math.min(100, (performance.now() - began) / 7);
        {draw};
        document.title = share;
        if (share < 100) requestAnimationFrame(frame);
      }})()</script>"""
    assert await at_rest(shared, html, "document.title") == "100"


async def test_a_picture_that_a_script_asks_for_is_awaited(shared: BrowserStage) -> None:
    before = shared.site.answered["/slow"]
    url = shared.site.url("/slow?ms=700")
    await at_rest(shared, f"<h1>x</h1><script>onload = () => {{new Image().src = '{url}'}}</script>", "0")
    assert shared.site.answered["/slow"] == before + 1


@pytest.mark.parametrize(
    "html",
    [
        FADE.format("700ms infinite"),
        FADE.format("60s"),
        f"<h1 id=h>x</h1><script>{COUNT.format('h.textContent = ++n')}</script>",
    ],
    ids=["endless", "longer than anybody waits", "a clock"],
)
async def test_what_goes_on_is_not_awaited_for_ever(shared: BrowserStage, html: str) -> None:
    async with asyncio.timeout(settle.SETTLE_S + 5):
        await at_rest(shared, html, "0", settle.SETTLE_S)
