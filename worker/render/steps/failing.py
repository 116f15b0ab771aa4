"""Lets a render fail for what its page is or does, when everything that it waits for has come."""

import json
from typing import Final

from fleet.errors import ErrorType, RenderError
from worker.render.context import Render
from worker.render.reports.unfinished import address_name

# The text is looked through in the page: it may be megabytes long. innerText has what a reader sees.
_FIND: Final = """(texts => {
  const plain = text => (text ?? "").replace(/\\s+/g, " ");
  const shown = plain(document.title) + "\\n" + plain(document.body?.innerText);
  return texts.map(text => shown.includes(plain(text)));
})(%s)"""
_MAX_MESSAGE_LENGTH: Final = 200


async def run(render: Render) -> None:
    """Check everything that was asked for, the cheapest first.

    Raises:
        RenderError: `http_status_rejected` or `content_rejected`.
    """
    request = render.request
    if request.fail_on_status:
        _check_status(render)
    if request.fail_if_content_contains or request.fail_if_content_missing:
        await _check_content(render)
    if request.fail_on_console_error:
        await _check_console(render)
    if request.fail_on_failed_request:
        _check_requests(render)


def _check_status(render: Render) -> None:
    status = render.page_facts.http_status
    if status is None:  # the caller's own HTML has none
        return
    text = str(status)
    found = {text, f"{text[0]}xx"}.intersection(render.request.fail_on_status)
    if found:
        detail = f"the target answered {status}, and `fail_on_status` has {found.pop()}"
        raise RenderError(ErrorType.HTTP_STATUS_REJECTED, detail)


async def _check_content(render: Render) -> None:
    unwanted, wanted = render.request.fail_if_content_contains, render.request.fail_if_content_missing
    # As JSON a text is a literal of JavaScript too.
    found: list[bool] = await render.page.evaluate(_FIND % json.dumps([*unwanted, *wanted]))
    for text, is_there in zip(unwanted, found, strict=False):
        if is_there:
            detail = f"the page has the text {_quoted(text)} of `fail_if_content_contains`"
            raise RenderError(ErrorType.CONTENT_REJECTED, detail)
    for text, is_there in zip(wanted, found[len(unwanted) :], strict=True):
        if not is_there:
            detail = f"the page lacks the text {_quoted(text)} of `fail_if_content_missing`"
            raise RenderError(ErrorType.CONTENT_REJECTED, detail)


async def _check_console(render: Render) -> None:
    errors = await render.page.log.script_errors()
    if errors:
        others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        detail = f"a script of the page reported an error: {_quoted(errors[0])}{others}"
        raise RenderError(ErrorType.CONTENT_REJECTED, detail)


def _check_requests(render: Render) -> None:
    page, unwanted = render.page, render.terms.unwanted
    failed = [
        one
        for one in page.failures.without(page.lifecycle.loader)
        if unwanted is None or not unwanted.has_refused(one.url)
    ]
    if failed:
        others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        detail = f"a request of the page failed: {address_name(failed[0].url)} ({failed[0].reason}){others}"
        raise RenderError(ErrorType.CONTENT_REJECTED, detail)


def _quoted(text: str) -> str:
    """A text in one line, of bounded length."""
    line = " ".join(text.split())
    return f"`{line}`" if len(line) <= _MAX_MESSAGE_LENGTH else f"`{line[:_MAX_MESSAGE_LENGTH]}...`"
