"""A page as HTML, as one file, as its words, and as Markdown."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

SENTENCE = "The engine turns pages into pictures, and each of them is durable until its time is over. "
ARTICLE = f"""<!doctype html><html lang=en><title>On engines</title>
<nav><ul><li><a href=/>Home<li><a href=/all>Everything else</ul></nav>
<article><h1>On engines</h1><p>{SENTENCE * 4}<a href="https://example.com/more">more</a></p>
<ul><li>one<ul><li>inner</ul><li>two</ul>
<table><thead><tr><th>name<th>size</thead><tbody><tr><td>a<td>1</table>
<pre><code>x = 1\ny = 2</code></pre><blockquote>{SENTENCE}</blockquote><p>{SENTENCE * 4}</p></article>
<footer>All rights reserved</footer>"""


async def text(stage: BrowserStage, path: str | None = None, **options: Any) -> str:
    await stage.render(path, **options)
    return stage.output.read_text()


async def test_html_is_the_document_as_scripts_have_left_it(shared: BrowserStage) -> None:
    page = """<!doctype html><html lang=de><title>a</title><p id=p></p><div id=host></div><script>
    p.textContent = "made <here>"; host.attachShadow({mode: "open"}).innerHTML = "<b>in the shadow</b>"
    </script>"""
    rendered = await shared.render(html=page, format="html")
    found = shared.output.read_text()
    assert found.startswith('<!DOCTYPE html>\n<html lang="de"><head>')
    assert '<p id="p">made &lt;here&gt;</p>' in found
    assert '<template shadowrootmode="open"><b>in the shadow</b></template>' in found
    assert found.endswith("</html>\n")
    facts = rendered.artifact
    assert (facts.content_type, facts.width_px, facts.pages) == ("text/html; charset=utf-8", None, None)
    assert facts.size_bytes == len(found.encode())


async def test_mhtml_has_the_parts_of_the_page(shared: BrowserStage) -> None:
    found = await text(shared, "/photo", format="mhtml")
    assert "multipart/related" in found
    assert found.count("Content-Type: image/jpeg") == 8


async def test_text_is_what_a_reader_sees(shared: BrowserStage) -> None:
    page = "<title>t</title><p>seen ü</p><p hidden>not seen</p><script>1</script><ul><li>a<li>b</ul>"
    assert await text(shared, html=page, format="text") == "seen ü\n\na\nb\n"
    assert await text(shared, html="<title>t</title>", format="text") == "\n"
    assert (
        await text(shared, html="<p id=p></p><script>p.innerText='\\ud800x'</script>", format="text")
        == "?x\n"
    )


async def test_markdown_is_the_article_without_what_is_around_it(shared: BrowserStage) -> None:
    found = await text(shared, html=ARTICLE, format="markdown")
    assert found.startswith("# On engines\n\nThe engine turns pages")
    assert "[more](https://example.com/more)" in found
    assert "-   one\n    -   inner\n-   two" in found
    assert "| name | size |\n| --- | --- |\n| a | 1 |" in found
    assert "```\nx = 1\ny = 2\n```" in found
    assert "\n> The engine" in found
    for around in ("Home", "All rights reserved", "<"):
        assert around not in found


async def test_markdown_of_the_whole_page_has_absolute_addresses(shared: BrowserStage) -> None:
    more = "<nav><a href='/tiny'>Home</a></nav><a href='%23part'>part</a><script>let a</script>"
    rendered = await shared.render(f"/silent-font?more={more}", format="markdown", article_only=False)
    found = shared.output.read_text()
    assert f"[Home]({shared.site.url('/tiny')})" in found
    assert "[part](#part)" in found
    assert "let a" not in found
    assert not [warning for warning in rendered.warnings if "article" in warning]


async def test_a_page_without_an_article_is_taken_whole_and_says_so(shared: BrowserStage) -> None:
    rendered = await shared.render(html="<title>Board</title><canvas></canvas>", format="markdown")
    assert rendered.warnings == ["markdown: no article was found in the page, so that this is the whole page"]
    assert shared.output.read_text().startswith("# Board")


async def test_the_page_can_neither_see_nor_change_what_is_taken(shared: BrowserStage) -> None:
    page = f"""{ARTICLE}<script>
    const seen = () => {{ document.title = "seen" }}
    for (const name of ["Readability", "TurndownService"])
      Object.defineProperty(window, name, {{get: seen, set: seen}})
    Node.prototype.cloneNode = () => {{ throw "mine" }}</script>"""
    rendered = await shared.render(html=page, format="markdown")
    assert rendered.page.title == "On engines"
    assert shared.output.read_text().startswith("# On engines")


async def test_more_than_is_allowed_is_refused(shared: BrowserStage) -> None:
    page = "<p id=p></p><script>p.textContent = 'x'.repeat(10_000)</script>"
    with pytest.raises(RenderError) as caught:
        await shared.render(html=page, format="text", max_bytes=9_999)
    assert caught.value.type is ErrorType.ARTIFACT_TOO_LARGE
