"""Takes the page as a text instead of a picture: its HTML, all of it in one file, its words, or Markdown."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.output import Format
from worker.browser.devtools import ProtocolError
from worker.render.context import Render
from worker.render.in_page import script

_HTML: Final = script("html.js")
_MARKDOWN: Final = script("markdown.js")
_LIBRARIES: Final = ("readability.js", "turndown.js", "turndown-plugin-gfm.js")
# A DevTools message of more would hold several times as much memory in browser and worker.
MAX_CHARACTERS: Final = 32 * 1024 * 1024


async def run(render: Render) -> None:
    """Leave the text in `render.content`, in UTF-8.

    Raises:
        RenderError: `artifact_too_large`, or `content_rejected` when the page goes on meanwhile.
    """
    take = _TAKE[render.request.format]
    try:
        async with render.until_ready(f"the page as {render.request.format.value}"):
            text = await take(render)
    except ProtocolError as error:
        await render.page.require_alive()
        detail = "the page went on to another address while it was captured"
        raise RenderError(ErrorType.CONTENT_REJECTED, detail) from error
    if len(text) > MAX_CHARACTERS:
        detail = f"it has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed"
        raise RenderError(ErrorType.ARTIFACT_TOO_LARGE, detail)
    # JavaScript's text may have halves of characters, which no encoding can carry.
    render.content = _one_piece(f"{text}\n".encode(errors="replace"))


async def _html(render: Render) -> str:
    return str(await render.page.evaluate(f"({_HTML})()"))


async def _mhtml(render: Render) -> str:
    return str((await render.page.send("Page.captureSnapshot", format="mhtml"))["data"])


async def _text(render: Render) -> str:
    return str(await render.page.evaluate('(document.body?.innerText ?? "").trim()'))


async def _markdown(render: Render) -> str:
    article_only = render.request.article_only
    options = json.dumps({"articleOnly": article_only})
    answer = await render.page.evaluate(f"{_libraries()}\n({_MARKDOWN})({options})")
    if article_only and not answer["isArticle"]:
        render.warnings.append("markdown: no article was found in the page, so that this is the whole page")
    return str(answer["text"])


@cache
def _libraries() -> str:
    # Read when they are first needed: 125 KB that most workers never need.
    return ";\n".join(script(f"vendor/{name}") for name in _LIBRARIES)


async def _one_piece(data: bytes) -> AsyncIterator[bytes]:
    yield data


_TAKE: Final[dict[Format, Callable[[Render], Awaitable[str]]]] = {
    Format.HTML: _html,
    Format.MHTML: _mhtml,
    Format.TEXT: _text,
    Format.MARKDOWN: _markdown,
}
