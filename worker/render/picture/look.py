"""Changes how the page looks just before its picture is taken: what is hidden, what moves, what is behind."""

import json
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.screenshot import Animations, Caret
from worker.browser.devtools import ProtocolError
from worker.render.context import Render
from worker.render.in_page import script
from worker.render.picture.frames import frame_ids

_LOOK: Final = script("look.js")
_MAX_FRAMES: Final = 50


async def apply_look(render: Render) -> None:
    """Apply `hide_selectors`, `animations`, `caret` and `omit_background`.

    Raises:
        RenderError: `invalid_request` when the browser cannot read a selector.
        DevToolsError: the page or its browser ended.
    """
    request = render.request
    if request.omit_background:
        clear = {"r": 0, "g": 0, "b": 0, "a": 0}
        await render.page.send("Emulation.setDefaultBackgroundColorOverride", color=clear)
    wanted = {
        "hide": request.hide_selectors,
        "endAnimations": request.animations is Animations.DISABLED,
        "hideCaret": request.caret is Caret.HIDE and render.has_caret,
    }
    if not any(wanted.values()):
        return
    script = f"({_LOOK})({json.dumps(wanted)})"
    wrong = await render.page.evaluate(script)
    if wrong >= 0:
        selector = request.hide_selectors[wrong]
        detail = f"hide_selectors.{wrong}: the browser cannot read the selector {selector}"
        raise RenderError(ErrorType.INVALID_REQUEST, detail)
    for frame_id in (await frame_ids(render.page))[1:_MAX_FRAMES]:
        try:
            await render.page.evaluate(script, frame_id=frame_id)
        except ProtocolError:
            continue  # the frame has gone meanwhile
