"""Judges the result, and lets a render fail whose picture a person would call a bad one."""

import contextlib
from typing import Final

from fleet.errors import ErrorType, RenderError
from worker.browser.devtools import DevToolsError
from worker.browser.document.script_value import EvaluationError
from worker.render.context import Render
from worker.render.verdict.look import verdict_of
from worker.render.waiting.arrival import look_in_passing

# What each reason is in a sentence that begins with "the page".
_WORDS: Final = {
    "blank": "is blank",
    "loading": "is still loading",
    "bot_wall": "asks whether its visitor is a person",
    "login_wall": "asks its visitor to log in",
    "error_page": "is an error page",
    "images_missing": "lacks images",
    "images_pending": "lacks images that have not come yet",
    "styles_missing": "lacks style sheets",
    "fonts_missing": "lacks fonts",
    "cut": "is higher than the picture",
    "console_errors": "has errors in its scripts",
}


async def run(render: Render) -> None:
    """Leave the verdict in `render.verdict`.

    Raises:
        RenderError: `content_rejected`, with `fail_on_verdict`.
    """
    if render.request.full_page and render.has_lazy:
        # Since it was asked it was scrolled, and its pictures have come.
        with contextlib.suppress(RenderError, DevToolsError, EvaluationError):
            await look_in_passing(render)
    render.verdict = await verdict_of(render)
    if render.request.fail_on_verdict and not render.verdict.is_good:
        words = " and ".join(_WORDS[reason] for reason in render.verdict.reasons)
        detail = f"the page {words} (score {render.verdict.score:g}), and `fail_on_verdict` is given"
        raise RenderError(ErrorType.CONTENT_REJECTED, detail)
