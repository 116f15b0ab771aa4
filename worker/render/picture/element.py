"""Finds the element that the picture shows, and where it is on the page."""

import asyncio
import json
import math
from typing import Any, Final

from fleet.errors import ErrorType, RenderError
from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.browser.protocol import ScreenshotClip
from worker.render.context import Render
from worker.render.full_page.repair import draw_beyond_window
from worker.render.full_page.scroll import scroll_through
from worker.render.in_page import script
from worker.render.picture.frames import frame_ids, quads, scroll_position
from worker.render.picture.part import part_of_page
from worker.render.waiting.settle import settle

_FIND: Final = script("find_element.js")
_BRING: Final = script("bring_element.js")
# The page is ready already: an element that is still missing has so much time.
_PATIENCE_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.1
_TRIES: Final = 3
_MANY: Final = "selector: %d elements match %s; the picture shows the first visible one"


async def element_area(render: Render) -> ScreenshotClip:
    """The part of the page where the element of `selector` is, after it has been brought into the window.

    Raises:
        RenderError: `selector_not_found` when nothing that matches can be seen, `invalid_request` when the
            browser cannot read the selector, `content_rejected` when the page goes on to another address.
        DevToolsError: the page or its browser ended.
    """
    for _ in range(_TRIES):
        frame_id = await _find(render)
        try:
            return await _area(render, frame_id)
        except (ProtocolError, EvaluationError) as error:
            # The page has put another element in its place, as many do when they are scrolled.
            render.require_same_document(cause=error)
            await render.page.require_alive()
    detail = (
        f"selector: the page took the element that matches {render.request.selector} away, again and again"
    )
    raise RenderError(ErrorType.SELECTOR_NOT_FOUND, detail)


async def _area(render: Render, frame_id: str) -> ScreenshotClip:
    page, padding = render.page, render.request.selector_padding_px
    brought = await page.evaluate(f"({_BRING})()", frame_id=frame_id)
    if brought["isLarge"]:
        if render.request.java_script_enabled:
            box = await _box(render, frame_id)
            await scroll_through(render, max_height=box[3])
            await page.evaluate(f"({_BRING})()", frame_id=frame_id)
        await draw_beyond_window(page)
    if (brought["hasMoved"] or brought["isLarge"]) and render.request.java_script_enabled:
        await settle(render)
        await render.require_staying()
    left, top, right, bottom = await _box(render, frame_id)
    return await part_of_page(
        render, "selector", (left - padding, top - padding, right + padding, bottom + padding)
    )


async def _find(render: Render) -> str:
    """Wait for the element; returns Chromium's id of the frame that it is in."""
    clock, selector = asyncio.get_running_loop().time, render.request.selector
    deadline = clock() + _PATIENCE_S
    while True:
        matches = 0
        for number, frame_id in enumerate(await frame_ids(render.page)):
            answer = await _ask(render, frame_id, is_main=number == 0)
            if problem := answer.get("problem"):
                detail = f"selector: the browser cannot read {selector}: {problem}"
                raise RenderError(ErrorType.INVALID_REQUEST, detail)
            matches += answer.get("matches", 0)
            if answer.get("isSeen"):
                if matches > 1 and (warning := _MANY % (matches, selector)) not in render.warnings:
                    render.warnings.append(warning)
                return frame_id
        if clock() > deadline:
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    match matches:
        case 0:
            detail = f"selector: nothing matches {selector}"
        case 1:
            detail = f"selector: the element that matches {selector} is not visible"
        case _:
            detail = f"selector: none of the {matches} elements that match {selector} is visible"
    raise RenderError(ErrorType.SELECTOR_NOT_FOUND, f"{detail}; `wait_for_selector` waits longer")


async def _ask(render: Render, frame_id: str, *, is_main: bool) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = await render.page.evaluate(
            f"({_FIND})({json.dumps(render.request.selector)})", frame_id=frame_id
        )
    except ProtocolError as error:
        if is_main:
            render.require_same_document(cause=error)
            raise
        return {}  # the frame has gone meanwhile
    return answer


async def _box(render: Render, frame_id: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the element, in CSS pixels from the top left of the page."""
    found = await quads(render.page, "globalThis.pictured", frame_id=frame_id)
    x, y = await scroll_position(render.page)
    xs = [value + x for quad in found for value in quad[::2]]
    ys = [value + y for quad in found for value in quad[1::2]]
    return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))
