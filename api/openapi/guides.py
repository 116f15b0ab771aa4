"""The pages of docs/ that are for callers, as HTML below `/docs/`: who has only the address can read them.

The pages of operators and developers are not among them; a link to one of those becomes plain words.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it.token import Token

_FOLDER: Final = Path(__file__).parents[2] / "docs"
# In the order in which the manual names them.
PAGES: Final = (
    "jobs", "options", "capture", "documents", "readiness", "blocking", "banners", "links", "schedules",
    "webhooks", "compare", "evidence", "verdict", "states", "errors", "tenants", "history", "api", "client",
    "cli", "mcp", "dashboard", "glossary",
)  # fmt: skip
_OUTSIDE: Final = ("http:", "https:", "#", "/")
_MENTIONED: Final = re.compile(rf"docs/({'|'.join(PAGES)})\.md")


def guide_page(name: str, style: str) -> str | None:
    """A page as HTML. None: there is no such page, or it is not installed here. Takes up to 0.1 s."""
    path = _FOLDER / f"{name}.md"
    if name not in PAGES or not path.is_file():
        return None
    from markdown_it import MarkdownIt  # noqa: PLC0415 - with the first page 3 MB
    from mdit_py_plugins.anchors import anchors_plugin  # noqa: PLC0415

    parser = (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .use(anchors_plugin, max_level=4)
    )
    tokens = parser.parse(path.read_text())
    for token in tokens:
        token.attrs.pop("style", None)  # of aligned cells; the page's policy forbids it
        _lead_within(token.children or ())
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_title(tokens))}: renderfleet</title>\n<style>{style}</style>\n"
        f'<p><a href="/docs">All calls</a></p>\n<main class="guide">\n{body}</main>\n</html>\n'
    )


@cache
def titles() -> dict[str, str]:
    """The titles of the pages that are installed here, by their names."""
    found = {name: _FOLDER / f"{name}.md" for name in PAGES}
    return {name: _first_line(path) for name, path in found.items() if path.is_file()}


def with_links(text: str) -> list[tuple[str, str]]:
    """A text of the OpenAPI document in pieces: words, and the address that they lead to or nothing."""
    pieces: list[tuple[str, str]] = []
    end = 0
    for mention in _MENTIONED.finditer(text):
        name = mention[1]
        if name in titles():
            pieces += [(text[end : mention.start()], ""), (titles()[name], f"/docs/{name}")]
            end = mention.end()
    return [*pieces, (text[end:], "")]


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0].lstrip("# ").replace("`", "")


def _title(tokens: Sequence["Token"]) -> str:
    return next((token.content.replace("`", "") for token in tokens if token.type == "inline"), "")


def _lead_within(tokens: Sequence["Token"]) -> None:
    """Let links lead to pages of this server; pictures are not served, their words stay."""
    is_plain = False
    for token in tokens:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""))
            is_plain = address is None
            token.attrs = {} if address is None else {"href": address}
        elif token.type == "image":
            token.type, token.content = "text", f"(Picture: {token.content})"
        if token.type in {"link_open", "link_close"} and is_plain:
            token.tag = "span"


def _address(href: str) -> str | None:
    """Where a link of the file leads here. None: nowhere."""
    if href.startswith(_OUTSIDE):
        return href
    page, _, heading = href.partition("#")
    name = page.removesuffix(".md")
    if name not in titles():
        return None
    return f"/docs/{name}#{heading}" if heading else f"/docs/{name}"
