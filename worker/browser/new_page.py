"""Opens a page in a browser context of its own."""

import asyncio
from pathlib import Path
from typing import Final

from worker.browser.devtools import DevToolsConnection, Session
from worker.browser.document.script_text import script_text
from worker.browser.launch.flags import EVERYTHING_THROUGH_PROXY
from worker.browser.page import Page
from worker.egress.port import Port
from worker.resources.memory.page_memory import PageMemory

# The default of `viewport`. Pages are opened in this size, so that most renders do not have to resize them.
DEFAULT_WIDTH_PX: Final = 1280
DEFAULT_HEIGHT_PX: Final = 720
# On a quiet machine the driver is attached for 20 ms, most of which Chromium needs to make the page.
_LOOK_EVERY_S: Final = 0.01
_LEFT_ALONE_S: Final = 3.0

_BEFORE_EACH_DOCUMENT: Final = "".join(
    script_text(Path(__file__).with_name(name)) for name in ("before_each_document.js", "begun.js")
)


async def new_page(
    connection: DevToolsConnection, memory: PageMemory, port: Port, *, generation: int
) -> Page:
    """Open a context and a page in it. This takes five round trips: some commands are sent together."""
    browser = connection.browser
    created = await browser.send(
        "Target.createBrowserContext",
        disposeOnDetach=True,  # if our connection ends, the browser drops the context by itself
        proxyServer=f"http://127.0.0.1:{port.number}",
        proxyBypassList=EVERYTHING_THROUGH_PROXY,
    )
    context_id = created["browserContextId"]
    try:
        target, _ = await asyncio.gather(
            browser.send(
                "Target.createTarget",
                url="about:blank",
                browserContextId=context_id,
                width=DEFAULT_WIDTH_PX,
                height=DEFAULT_HEIGHT_PX,
            ),
            # Downloads are allowed by default: one of 50 MB was written into the temporary folder.
            browser.send("Browser.setDownloadBehavior", behavior="deny", browserContextId=context_id),
        )
        target_id = target["targetId"]
        await _wait_left_alone(browser, target_id)
        attached = await browser.send("Target.attachToTarget", targetId=target_id, flatten=True)
        page = Page(
            connection,
            attached["sessionId"],
            memory,
            port,
            context_id=context_id,
            target_id=target_id,
            generation=generation,
        )
        await asyncio.gather(
            page.send("Page.enable"),
            page.send("Page.setLifecycleEventsEnabled", enabled=True),
            page.send("Inspector.enable"),  # tells of a crash
            page.send("Page.addScriptToEvaluateOnNewDocument", source=_BEFORE_EACH_DOCUMENT),
        )
    except BaseException:
        browser.post("Target.disposeBrowserContext", browserContextId=context_id)
        raise
    return page


async def _wait_left_alone(browser: Session, target_id: str) -> None:
    """Wait until Playwright's driver has let go of a page that is new.

    The driver attaches itself to each page, and detaches from those that it has not opened itself. When a
    session ends, Chromium resets what the whole page shares (`disable()` in Blink's
    inspector_emulation_agent.cc): the type of media and `navigator.platform`, for instance. On a busy machine
    the driver is late: without this wait, 1 page in 100 lost what was set for its render (docs/browser.md).

    The driver lets go of no page whose renderer has ended meanwhile. So the wait is bounded: what is sent to
    the page afterwards tells that it has ended.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + _LEFT_ALONE_S
    is_left_alone = False
    while not is_left_alone and clock() < until:
        await asyncio.sleep(_LOOK_EVERY_S)
        answer = await browser.send("Target.getTargetInfo", targetId=target_id)
        is_left_alone = not answer["targetInfo"]["attached"]
