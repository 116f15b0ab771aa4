"""Waits for what the caller names: an element of the page, or a script that says when it is ready."""

import asyncio
import json
from typing import Any, Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.readiness import AwaitedSelector, SelectorState
from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.render.context import Render
from worker.render.in_page import script

_SELECTOR: Final = script("selector.js")
# The page looks again and again, and answers after this time at the latest: so it is known how many match
# when the time is over.
_ANSWER_AFTER_MS: Final = 250
_LOOK_EVERY_S: Final = 0.05

# A function is called, a promise awaited; the line breaks end a comment of the caller's.
_FUNCTION: Final = """(async () => {
  const found = (
%s
  );
  return Boolean(await (typeof found === "function" ? found() : found));
})()"""


async def wait_for_selector(render: Render, awaited: AwaitedSelector) -> None:
    """Wait until an element is in the state that is awaited, in whatever document comes.

    Raises:
        RenderError: `invalid_request` when the browser cannot read the selector, `selector_not_found` when
            nothing matches in time, `navigation_timeout` when something matches that should not.
    """
    matches: int | None = None  # when the page was last asked; None: it has not answered yet
    try:
        async with render.until_ready(f"wait_for_selector {awaited.selector} to be {awaited.state}"):
            while True:
                answer = await _ask(render, awaited)
                if answer is None:
                    await asyncio.sleep(_LOOK_EVERY_S)  # another document is on its way
                elif problem := answer.get("problem"):
                    detail = f"wait_for_selector: the browser cannot read {awaited.selector}: {problem}"
                    raise RenderError(ErrorType.INVALID_REQUEST, detail)
                elif answer["isThere"]:
                    return
                else:
                    matches = answer["matches"]
    except RenderError as error:
        if error.type is not ErrorType.NAVIGATION_TIMEOUT or matches is None:
            raise
        raise _not_found(render, awaited, matches) from error


async def wait_for_function(render: Render, source: str) -> None:
    """Wait until a script in the page's own world is true, in whatever document comes.

    Raises:
        RenderError: `script_failed` when it throws or cannot be read, `navigation_timeout` when it is not
            true in time.
    """
    async with render.until_ready("wait_for_function to be true"):
        while True:
            if await _is_true(render, source):
                return
            await asyncio.sleep(_LOOK_EVERY_S)


async def _ask(render: Render, awaited: AwaitedSelector) -> dict[str, Any] | None:
    options = {"selector": awaited.selector, "state": awaited.state.value, "limitMs": _ANSWER_AFTER_MS}
    try:
        answer: dict[str, Any] = await render.page.evaluate(f"({_SELECTOR})({json.dumps(options)})")
    except ProtocolError:
        return None  # the document was replaced while it was asked
    return answer


async def _is_true(render: Render, source: str) -> bool:
    try:
        return bool(await render.page.evaluate_as_page(_FUNCTION % source))
    except ProtocolError:
        return False  # the document was replaced while it was asked
    except EvaluationError as error:
        raise RenderError(ErrorType.SCRIPT_FAILED, f"wait_for_function: {error}") from error


def _not_found(render: Render, awaited: AwaitedSelector, matches: int) -> RenderError:
    what = f"wait_for_selector: within {render.request.navigation_timeout_ms} ms"
    if awaited.state is SelectorState.HIDDEN:
        detail = f"{what} what matches {awaited.selector} was not hidden"
        return RenderError(ErrorType.NAVIGATION_TIMEOUT, detail)
    match matches:
        case 0:
            detail = f"{what} nothing matched {awaited.selector}"
        case 1:
            detail = f"{what} the element that matches {awaited.selector} was not visible"
        case _:
            detail = f"{what} none of the {matches} elements that match {awaited.selector} was visible"
    return RenderError(ErrorType.SELECTOR_NOT_FOUND, detail)
