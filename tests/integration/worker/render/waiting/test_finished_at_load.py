"""`wait_until=auto` of a page that is finished at its load event, and of one that is not known to be."""

import pytest

from tests.kit.stages.browser_stage import BrowserStage
from worker.render.waiting.settle import AUTO_S, wait_rest

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# The world of our own scripts adds up for how long they sleep, whatever else runs on the machine,
# and tells the page of it.
COUNT_SLEEP = """{
  const wait = setTimeout;
  self.sleptMs = 0;
  self.setTimeout = (run, ms) => {
    sleptMs += ms;
    performance.dispatchEvent(new Event("watched"));
    return wait(run, ms);
  };
}"""
# A message of the page to itself, sent when it is watched.
MESSAGE = """
  const {port1, port2} = new MessageChannel;
  port1.onmessage = () => h.append("!");
  performance.addEventListener("watched", () => port2.postMessage(0), {once: true})"""
GLANCE_MS = 5
QUIET_MS = 100


async def slept_ms(stage: BrowserStage, script: str) -> float:
    """For how long a page with this script was watched."""
    async with stage.page() as page:
        html = f"<h1 id=h>there</h1><script>{script}</script>"
        await page.set_html(html)
        await page.lifecycle.reach("load")
        await page.evaluate(COUNT_SLEEP)
        rest = await wait_rest(page, AUTO_S)
        assert rest.going_on == []
        slept: float = await page.evaluate("sleptMs")
    return slept


@pytest.mark.parametrize(
    "script",
    [
        "h.textContent = 'drawn'",
        "onload = () => h.textContent = 'drawn'",
        "setTimeout(() => h.textContent = 'too late', 5000)",
        "clearTimeout(setTimeout(() => 0, 900)); clearTimeout(setInterval(() => 0, 20))",
        "cancelAnimationFrame(requestAnimationFrame(() => 0))",
        "fetch('data:,news').then((answer) => answer.text())",
    ],
)
async def test_a_page_in_which_nothing_is_due_is_watched_for_a_moment(
    shared: BrowserStage, script: str
) -> None:
    assert await slept_ms(shared, script) == GLANCE_MS


@pytest.mark.parametrize(
    "script",
    [
        "const again = () => setTimeout(again, 10); again()",
        "setTimeout('0', 40)",
        "setInterval(() => 0, 1000)",
        "const again = () => requestAnimationFrame(again); again()",
        "const again = () => requestIdleCallback(again); again()",
        "new IntersectionObserver(() => 0)",
        "new ResizeObserver(() => 0)",
        "new Worker('data:text/javascript,')",
        "new Image().src = 'data:image/gif,'",
        MESSAGE,
        "createImageBitmap(new ImageData(1, 1))",
        "WebAssembly.compile(new Uint8Array).catch(() => 0)",
        "document.createElement('img').src = 'data:image/gif,'",
        "h.innerHTML = '<iframe></iframe>'",
        "onload = () => import('data:text/javascript,')",
        "h.innerHTML = '<script type=module><\\/script>'",
        "h.innerHTML = '<script type=text/plain src=http://example.com/late.js><\\/script>'",
        "h.innerHTML = '<video></video>'",
    ],
)
async def test_a_page_in_which_something_may_be_due_is_watched_for_longer(
    shared: BrowserStage, script: str
) -> None:
    assert await slept_ms(shared, script) >= QUIET_MS
