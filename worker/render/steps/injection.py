"""Adds the caller's styles and scripts to the page when it is ready (docs/readiness.md)."""

import json
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.injection import Added
from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.render.context import Render
from worker.render.in_page import script
from worker.render.waiting.after_change import wait_after_change

_ADD: Final = script("add.js")
_ADOPT: Final = script("adopt.js")


async def run(render: Render) -> None:
    """Add the styles, run the scripts one after the other, and wait for what they have changed.

    Raises:
        RenderError: `script_failed`, or what waiting for the page raises.
    """
    request, page = render.request, render.page
    if not (request.styles or request.scripts):
        return
    loader = page.lifecycle.loader
    for number, style in enumerate(request.styles):
        async with render.until_ready(f"styles[{number}]"):
            if style.text is None:
                await _load(render, f"styles[{number}]", style, kind="style")
            else:
                await page.evaluate(f"({_ADOPT})({json.dumps(style.text)})")
    for number, added in enumerate(request.scripts):
        async with render.until_ready(f"the end of scripts[{number}]"):
            await _run(render, f"scripts[{number}]", added)
            await page.lifecycle.wait_start()
        if page.lifecycle.loader != loader or page.lifecycle.is_moving_on:
            await wait_after_change(render, loader)
            loader = page.lifecycle.loader
    await wait_after_change(render, loader)


async def _run(render: Render, name: str, added: Added) -> None:
    if added.text is None:
        await _load(render, name, added, kind="script")
        return
    try:
        await render.page.evaluate_as_page(added.text)
    except EvaluationError as error:
        raise RenderError(ErrorType.SCRIPT_FAILED, f"{name}: {error}") from error
    except ProtocolError:
        # It has led the page to another document, so that nobody is there to answer.
        await render.page.require_alive()


async def _load(render: Render, name: str, added: Added, *, kind: str) -> None:
    options = json.dumps({"kind": kind, "url": added.url})
    try:
        has_loaded = await render.page.evaluate(f"({_ADD})({options})")
    except ProtocolError:
        await render.page.require_alive()
        return
    if not has_loaded:
        detail = f"{name}: the address did not load, or the page's Content-Security-Policy forbids it"
        raise RenderError(ErrorType.SCRIPT_FAILED, detail)
