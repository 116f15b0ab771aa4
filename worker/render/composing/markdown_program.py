"""Makes a page of Markdown: a confined program (fleet/confined), started by composed.py.

CommonMark with tables, strikethrough, footnotes, task lists, an anchor for each heading, colours for code,
and `[[toc]]` for a table of contents. It reads JSON with `markdown` and `language`, and gives HTML.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_STYLE: Final = Path(__file__).with_name("markdown.css").read_text()
_COLOURS: Final = HtmlFormatter(nowrap=True, style="friendly")
_CODE_STYLE: Final = _COLOURS.get_style_defs(".highlight")
_CONTENTS: Final = "[[toc]]"
_DEEPEST_IN_CONTENTS: Final = 3


def work(asked: bytes) -> bytes:
    """Make a page."""
    given = json.loads(asked)
    environment: dict[str, Any] = {}
    parser = _parser()
    tokens = parser.parse(given["markdown"].removeprefix("\ufeff"), environment)
    body = parser.renderer.render(tokens, parser.options, environment)
    language = f' lang="{escape(given["language"])}"' if given["language"] else ""
    title = escape(_title(tokens))
    return (
        f'<!doctype html>\n<html{language}>\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>\n{_STYLE}{_CODE_STYLE}\n</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ).encode()


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "highlight": _coloured})
    parser.enable(["table", "strikethrough"])
    parser.use(anchors_plugin, max_level=6)
    parser.use(footnote_plugin).use(tasklists_plugin)
    parser.core.ruler.push("contents", _put_contents)
    parser.add_render_rule("contents", _render_contents)
    return parser


def _coloured(code: str, language: str, _: str) -> str:
    """The code with colours; empty if its language is not known, so that it stays as it is."""
    try:
        lexer = get_lexer_by_name(language) if language else None
    except ClassNotFound:
        lexer = None
    if lexer is None:
        return ""
    name = escape(language, quote=True)
    lines = highlight(code, lexer, _COLOURS)
    return f'<pre class="highlight"><code class="language-{name}">{lines}</code></pre>'


def _headings(tokens: Sequence[Token]) -> list[tuple[int, str, str]]:
    """Level, anchor and text of each heading."""
    return [
        (int(token.tag[1:]), str(token.attrGet("id") or ""), _text(tokens[place + 1]))
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


def _text(inline: Token) -> str:
    """The words of a heading without their marks."""
    pieces = inline.children or []
    return "".join(
        " " if one.type == "softbreak" else one.content for one in pieces if one.type != "html_inline"
    )


def _title(tokens: Sequence[Token]) -> str:
    return next((text for _, _, text in _headings(tokens)), "")


def _put_contents(state: StateCore) -> None:
    """Replace each paragraph that is `[[toc]]`."""
    tokens, kept = state.tokens, []
    place = 0
    while place < len(tokens):
        is_paragraph = tokens[place].type == "paragraph_open" and tokens[place].level == 0
        if is_paragraph and tokens[place + 1].content.strip().lower() == _CONTENTS:
            contents = Token("contents", "nav", 0)
            contents.meta["headings"] = _headings(tokens[place:])
            kept.append(contents)
            place += 3
        else:
            kept.append(tokens[place])
            place += 1
    state.tokens = kept


def _render_contents(_: RendererHTML, tokens: Sequence[Token], place: int, __: object, ___: object) -> str:
    """A list of the headings that follow, each with a link. Its levels are classes, so it may skip one."""
    entries = "".join(
        f'<li class="level-{level}"><a href="#{escape(anchor, quote=True)}">{escape(text)}</a></li>\n'
        for level, anchor, text in tokens[place].meta["headings"]
        if level <= _DEEPEST_IN_CONTENTS
    )
    return f'<nav class="toc">\n<ul>\n{entries}</ul>\n</nav>\n'


def _warm_up() -> None:
    """Read what each run needs, before the helper forks. Other languages are read when they are used."""
    code = "".join(f"```{language}\n1\n```\n" for language in ("python", "bash", "json"))
    work(json.dumps({"markdown": f"# Title\n\n| a |\n|---|\n\n{code}", "language": None}).encode())


_warm_up()
