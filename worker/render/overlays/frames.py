"""Frames that lie over a page and ask for consent: some consent platforms show their banner in one."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError, script_value
from worker.browser.page import ISOLATED_WORLD, Page
from worker.render.in_page import script

OVERLAYS: Final = script("overlays.js")
# Of more frames than this nobody is asked.
_MAX_FRAMES: Final = 20
_ANSWER_S: Final = 1.0
# A consent banner's frame says so in its address or its text.
_IS_OF_CONSENT: Final = """(() => {
  const words = /cookie|consent|gdpr|ccpa|privacy|message_id=|einwilligung|datenschutz/i;
  return words.test(location.href) || words.test((document.body?.innerText ?? "").slice(0, 3000));
})()"""
_IS_OVER: Final = "function() { %s; return overlays.isOver(this); }"
_HIDE: Final = "function() { %s; overlays.hide(this); return true; }"


@dataclass(frozen=True, slots=True)
class ConsentFrame:
    """A frame directly below the page.

    Attributes:
        id: Chromium's.
        url: the address of its document.
        page_id: Chromium's id of the frame around it, the page itself.
    """

    id: str
    url: str
    page_id: str


async def consent_frames(page: Page) -> list[ConsentFrame]:
    """Frames that lie over the page and speak of consent.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    if not page.frames.attached:
        return []
    tree = (await page.send("Page.getFrameTree"))["frameTree"]
    children = [child["frame"] for child in tree.get("childFrames", [])[:_MAX_FRAMES]]
    frames = [ConsentFrame(child["id"], child["url"], tree["frame"]["id"]) for child in children]
    asks = await asyncio.gather(*(_asks_consent(page, frame) for frame in frames))
    return [frame for frame, is_asking in zip(frames, asks, strict=True) if is_asking]


async def hide_frame(page: Page, frame: ConsentFrame) -> None:
    """Hide a frame with what lies around it; does nothing if it has gone.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    try:
        await _of_owner(page, frame, _HIDE)
    except (EvaluationError, ProtocolError):
        await page.require_alive()


async def _asks_consent(page: Page, frame: ConsentFrame) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_S):
            is_asking = await page.evaluate(_IS_OF_CONSENT, frame_id=frame.id)
            return bool(is_asking and await _of_owner(page, frame, _IS_OVER))
    except (TimeoutError, EvaluationError, ProtocolError):
        return False  # it is busy, or has gone


async def _of_owner(page: Page, frame: ConsentFrame, function: str) -> Any:
    """Call a function of a script on the element that holds the frame, in our world of the page."""
    owner = await page.send("DOM.getFrameOwner", frameId=frame.id)
    world = await page.send("Page.createIsolatedWorld", frameId=frame.page_id, worldName=ISOLATED_WORLD)
    node = await page.send(
        "DOM.resolveNode",
        backendNodeId=owner["backendNodeId"],
        executionContextId=world["executionContextId"],
    )
    return script_value(
        await page.send(
            "Runtime.callFunctionOn",
            objectId=node["object"]["objectId"],
            functionDeclaration=function % OVERLAYS,
            returnByValue=True,
        )
    )
