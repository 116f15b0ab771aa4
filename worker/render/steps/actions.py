"""Does in the page what the caller wants done, with mouse and keyboard of the browser."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.actions import KEYS, Action, Typing
from fleet.render.request import RenderRequest
from worker.browser.devtools import ProtocolError
from worker.render.context import Render
from worker.render.in_page import script
from worker.render.waiting.after_change import wait_after_change

# How long an action waits for its element; Playwright waits 30 s, which hides a typing error for as long.
_ELEMENT_S: Final = 5.0
# The page answers itself that nothing came, before its time is over for us: its words say why.
_ANSWER_S: Final = 0.5
_TARGET: Final = script("target.js")
_CHOOSE: Final = script("choose.js")
_TYPED_BY: Final = {"Enter": "\r", "Space": " "}


async def run(render: Render) -> None:
    """Do all actions, and wait after each until the page is at rest, or the next document is there.

    Raises:
        RenderError: `selector_not_found`, `invalid_request` for a selector that cannot be read,
            `script_failed` for a choice that is not there; each names the action. Or what waiting raises.
    """
    for name, action in _actions(render.request):
        loader = render.page.lifecycle.loader
        async with render.until_ready(name):
            await _do(render, name, action)
        await wait_after_change(render, loader)


def _actions(request: RenderRequest) -> Iterator[tuple[str, Action]]:
    """All actions in their order, each with its name for messages."""
    for field in ("click", "scroll_into_view", "hover"):
        selector = getattr(request, field)
        if selector is not None:
            yield field, Action.model_construct(**{field: selector})
    for number, action in enumerate(request.actions):
        yield f"actions[{number}]", action


async def _do(render: Render, name: str, action: Action) -> None:
    try:
        if action.click is not None:
            await _click(render, f"{name} (click)", action.click)
        elif action.hover is not None:
            x, y = await _place(render, f"{name} (hover)", action.hover)
            await _mouse(render, "mouseMoved", x, y)
        elif action.scroll_into_view is not None:
            await _place(render, f"{name} (scroll_into_view)", action.scroll_into_view, may_be_covered=True)
        elif action.type is not None:
            await _type(render, f"{name} (type)", action.type)
        elif action.press is not None:
            await _press(render, action.press)
        elif action.select is not None:
            await _select(render, f"{name} (select)", action)
        elif action.wait is not None:
            await render.page.pause(action.wait / 1000)
        elif action.wait_for_selector is not None:
            element = action.wait_for_selector
            await _place(render, f"{name} (wait_for_selector)", element, may_be_covered=True)
    except ProtocolError:
        # The action has led the page to another document before it was answered.
        await render.page.require_alive()


async def _click(render: Render, name: str, selector: str) -> None:
    x, y = await _place(render, name, selector)
    await _mouse(render, "mouseMoved", x, y)
    for kind in ("mousePressed", "mouseReleased"):
        await _mouse(render, kind, x, y, button="left", clickCount=1)


async def _type(render: Render, name: str, typing: Typing) -> None:
    await _click(render, name, typing.selector)
    await _press(render, "End")
    await render.page.send("Input.insertText", text=typing.text)


async def _press(render: Render, key: str) -> None:
    code, number = KEYS.get(key, (key, 0))
    text = _TYPED_BY.get(key, key if key not in KEYS else "")
    typed = {"text": text} if text else {}
    common = {"key": " " if key == "Space" else key, "code": code, "windowsVirtualKeyCode": number}
    await render.page.send("Input.dispatchKeyEvent", type="keyDown", **common, **typed)
    await render.page.send("Input.dispatchKeyEvent", type="keyUp", **common)


async def _select(render: Render, name: str, action: Action) -> None:
    assert action.select is not None, "the caller has looked"  # noqa: S101
    selection = action.select
    await _place(render, name, selection.selector, may_be_covered=True)
    options = json.dumps({"selector": selection.selector, "value": selection.value})
    answer = await render.page.evaluate(f"({_CHOOSE})({options})")
    if problem := answer.get("problem"):
        raise RenderError(ErrorType.SCRIPT_FAILED, f"{name}: {selection.selector} {problem}")


async def _place(
    render: Render, name: str, selector: str, *, may_be_covered: bool = False
) -> tuple[float, float]:
    """Wait for an element, scroll it into view; the middle of it, in CSS pixels of the window.

    Raises:
        RenderError: it does not come, is not visible, or something lies over it.
    """
    left_s = render.navigation_deadline - asyncio.get_running_loop().time() - _ANSWER_S
    limit_ms = round(1000 * max(0.0, min(_ELEMENT_S, left_s)))
    options = json.dumps({"selector": selector, "limitMs": limit_ms})
    answer: dict[str, Any] = await render.page.evaluate(f"({_TARGET})({options})")
    if problem := answer.get("problem"):
        detail = f"{name}: the browser cannot read the selector {selector}: {problem}"
        raise RenderError(ErrorType.INVALID_REQUEST, detail)
    if "x" not in answer:
        match answer["matches"]:
            case 0:
                found = "nothing matches"
            case 1:
                found = "the element that matches is not visible"
            case matches:
                found = f"none of the {matches} elements that match is visible"
        detail = f"{name}: {found}: {selector} (waited {limit_ms} ms)"
        raise RenderError(ErrorType.SELECTOR_NOT_FOUND, detail)
    if "covered" in answer and not may_be_covered:
        detail = f"{name}: {selector} is covered by {answer['covered']} (waited {limit_ms} ms)"
        raise RenderError(ErrorType.SELECTOR_NOT_FOUND, detail)
    return answer["x"], answer["y"]


async def _mouse(render: Render, kind: str, x: float, y: float, **more: Any) -> None:
    await render.page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)
