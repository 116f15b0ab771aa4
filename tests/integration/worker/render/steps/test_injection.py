"""Styles and scripts of the caller, as text and by address."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# A page that forbids all styles and scripts but its own, and says in its title what it looks like.
STRICT = """<meta http-equiv=Content-Security-Policy content="default-src 'none'">
<title>plain</title><p id=p style="color: red">text</p>"""
COLOUR = "document.title = getComputedStyle(document.getElementById('p') ?? document.body).color"


async def failed(stage: BrowserStage, **options: Any) -> tuple[ErrorType, str]:
    with pytest.raises(RenderError) as caught:
        await stage.render(**{"html": "<p id=p>text", "navigation_timeout_ms": 2_000, **options})
    return caught.value.type, caught.value.detail


async def test_styles_and_scripts_work_whatever_the_page_forbids(shared: BrowserStage) -> None:
    styles = ["p { color: rgb(1, 2, 3) !important }", "p { color: rgb(4, 5, 6) !important }"]
    rendered = await shared.render(html=STRICT, styles=styles, scripts=COLOUR)
    assert rendered.page.title == "rgb(4, 5, 6)"
    assert (await shared.render(html=STRICT, scripts=COLOUR)).page.title != "rgb(4, 5, 6)"


async def test_scripts_run_in_order_in_the_world_of_the_page_and_promises_are_awaited(
    shared: BrowserStage,
) -> None:
    html = "<title>a</title><script>const word = 'b'</script>"
    late = "new Promise(done => setTimeout(() => { document.title += word; done() }, 300))"
    rendered = await shared.render(html=html, scripts=[late, "document.title += 'c'"])
    assert rendered.page.title == "abc"


async def test_what_lies_at_an_address_is_loaded_by_the_page(shared: BrowserStage) -> None:
    address = shared.site.url
    rendered = await shared.render(
        html="<p id=p>text",
        styles={"url": address("/added.css")},
        scripts=[{"url": address("/added.js")}, f"document.title += ' ' + ({COLOUR.partition('= ')[2]})"],
    )
    assert rendered.page.title == "added rgb(7, 8, 9)"


async def test_a_script_may_lead_the_page_elsewhere(shared: BrowserStage) -> None:
    there = shared.site.url("/tiny")
    rendered = await shared.render(
        html="<title>here", scripts=[f"location = '{there}'", "document.title += '!'"]
    )
    assert (rendered.page.title, rendered.page.final_url) == ("tiny!", there)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scripts": ["1", "nothing.there"]}, "scripts[1]: ReferenceError: nothing is not defined"),
        ({"scripts": "let 1"}, "scripts[0]: SyntaxError"),
        ({"scripts": "Promise.reject(new TypeError('later'))"}, "scripts[0]: TypeError: later"),
        ({"scripts": {"url": "{site}/none.js"}}, "scripts[0]: the address did not load"),
        ({"styles": {"url": "{site}/none.css"}}, "styles[0]: the address did not load"),
    ],
)
async def test_what_fails_is_named(shared: BrowserStage, options: dict[str, Any], words: str) -> None:
    for added in options.values():
        if isinstance(added, dict):
            added["url"] = added["url"].format(site=shared.site.url(""))
    type_, detail = await failed(shared, **options)
    assert type_ is ErrorType.SCRIPT_FAILED
    assert detail.startswith(words)


@pytest.mark.parametrize("script", ["while (true);", "new Promise(() => 0)"])
async def test_a_script_that_never_ends_is_not_waited_for(shared: BrowserStage, script: str) -> None:
    type_, detail = await failed(shared, scripts=script)
    assert type_ is ErrorType.NAVIGATION_TIMEOUT
    assert "waited 2000 ms for the end of scripts[0]" in detail
