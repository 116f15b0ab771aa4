"""What becomes of Markdown."""

import re

import pytest

from tests.kit.stages.browser_stage import request_for
from worker.render.composing.composed import composed


async def made(markdown: str, **options: str) -> str:
    return await composed(request_for(markdown=markdown, **options))


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("| a | b |\n|---|--:|\n| 1 | 2 |", '<td style="text-align:right">2</td>'),
        ("~~gone~~", "<s>gone</s>"),
        (
            "- [x] done\n- [ ] open",
            '<input class="task-list-item-checkbox" checked="checked" disabled="disabled"',
        ),
        ("a[^1]\n\n[^1]: The note.", 'id="fn1" class="footnote-item"><p>The note.'),
        ("## Two *words*", '<h2 id="two-words">Two <em>words</em></h2>'),
        (
            "```python\ndef f(): pass\n```",
            '<pre class="highlight"><code class="language-python"><span class="k">def</span>',
        ),
        ("```nonesuch\na < b\n```", '<pre><code class="language-nonesuch">a &lt; b'),
        ("    indented", "<pre><code>indented"),
        ('<b class="x">HTML</b>', '<b class="x">HTML</b>'),
        ("\ufeff# Title", "<main>\n<h1"),
    ],
)
async def test_what_markdown_can_have(markdown: str, html: str) -> None:
    assert html in await made(markdown)


async def test_the_title_is_the_first_heading() -> None:
    found = await made("Text.\n\n# A `b` & *c*\n\n# Second", locale="de-DE")
    assert "<title>A b &amp; c</title>" in found
    assert '<html lang="de-DE">' in found
    assert "<title></title>" in await made("no heading")


async def test_a_table_of_contents_links_to_what_follows() -> None:
    found = await made(
        "# Book\n\n[[toc]]\n\n## One\n\n### <b>Part</b> &\n\n## One\n\n#### deeper\n\n> ## quoted"
    )
    entries = re.findall(r'<li class="(level-\d)"><a href="#([^"]+)">([^<]+)</a>', found)
    assert [(level, text) for level, _, text in entries] == [
        ("level-2", "One"),
        ("level-3", "Part &amp;"),
        ("level-2", "One"),
    ]
    assert len({anchor for _, anchor, _ in entries}) == 3
    assert all(f'id="{anchor}"' in found for _, anchor, _ in entries)


@pytest.mark.parametrize("markdown", ["a [[toc]] b", "```\n[[toc]]\n```", "> [[toc]]"])
async def test_a_table_of_contents_stands_alone(markdown: str) -> None:
    assert "<nav" not in await made(markdown)


async def test_markdown_that_is_nested_without_end_has_limits() -> None:
    assert "<main>" in await made("> " * 5_000 + "x")
    assert "<main>" in await made("[" * 20_000)
