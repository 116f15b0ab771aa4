"""The waits that a caller names: an element, a script, a time; and what is captured when they run out."""

import asyncio
from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# No wait of `load` sees what comes later than this after the load event, `auto` none of a longer timer.
LATER = "setTimeout(() => {{{}; document.title = 'later'}}, 400)"


def page(script: str, body: str = "<p id=before>") -> str:
    return f"<title>early</title>{body}<script>{script}</script>"


async def title(stage: BrowserStage, html: str, **options: Any) -> str | None:
    return (await stage.render(html=html, **{"wait_until": "load", **options})).page.title


async def refusal(stage: BrowserStage, html: str, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await title(stage, html, **{"navigation_timeout_ms": 700, **options})
    return caught.value


APPEARS = page(LATER.format("document.body.innerHTML += '<i id=now>x</i>'"))
SHOWS = page(LATER.format("now.hidden = false"), "<i id=now hidden>x</i>")
EMPTY = page(LATER.format("document.body.innerHTML += '<i id=now></i>'"))
HIDES = page(LATER.format("now.style.visibility = 'hidden'"), "<i id=now>x</i>")
GOES = page(LATER.format("now.remove()"), "<i id=now>x</i>")


@pytest.mark.parametrize(
    ("html", "awaited"),
    [
        (APPEARS, "#now"),
        (SHOWS, {"selector": "#now", "state": "visible"}),
        (EMPTY, {"selector": "#now", "state": "attached"}),
        (HIDES, {"selector": "#now", "state": "hidden"}),
        (GOES, {"selector": "#now", "state": "hidden"}),
    ],
)
async def test_an_element_is_awaited(shared: BrowserStage, html: str, awaited: Any) -> None:
    assert await title(shared, html, wait_for_selector=awaited) == "later"


@pytest.mark.parametrize("state", ["attached", "hidden"])
async def test_what_is_so_already_is_not_awaited(shared: BrowserStage, state: str) -> None:
    html = page("setTimeout(() => document.title = 'later', 20_000)", "<i id=now hidden>x</i>")
    awaited = {"selector": "#now", "state": state}
    assert await title(shared, html, wait_for_selector=awaited) == "early"


async def test_an_element_of_the_page_that_a_script_leads_to_is_awaited(shared: BrowserStage) -> None:
    url = shared.site.url("/tiny")
    html = page(f"setTimeout(() => location = '{url}', 400)")
    assert await title(shared, html, wait_for_selector="h1") == "tiny"


@pytest.mark.parametrize(
    ("html", "awaited", "words"),
    [
        ("<p>", "#chart", "nothing matched #chart"),
        ("<b hidden></b>", "b", "the element that matches b was not visible"),
        ("<b hidden></b>" * 10_000, "b", "none of the 10000 elements that match b was visible"),
    ],
    ids=["none", "one", "ten thousand"],
)
async def test_an_element_that_never_comes(shared: BrowserStage, html: str, awaited: str, words: str) -> None:
    error = await refusal(shared, html, wait_for_selector=awaited, navigation_timeout_ms=3_000)
    assert error.type is ErrorType.SELECTOR_NOT_FOUND
    assert error.detail == f"wait_for_selector: within 3000 ms {words}"


async def test_an_element_that_does_not_go(shared: BrowserStage) -> None:
    error = await refusal(shared, "<p>x", wait_for_selector={"selector": "p", "state": "hidden"})
    assert error.type is ErrorType.NAVIGATION_TIMEOUT
    assert error.detail == "wait_for_selector: within 700 ms what matches p was not hidden"


async def test_a_selector_that_is_none_is_named(shared: BrowserStage) -> None:
    error = await refusal(shared, "<p>", wait_for_selector="#(")
    assert error.type is ErrorType.INVALID_REQUEST
    assert error.detail.startswith("wait_for_selector: the browser cannot read #(: ")


@pytest.mark.parametrize(
    "function",
    [
        "window.isReady // a word of the caller's",
        "() => window.isReady",
        "async () => window.isReady",
        "document.title === 'later' && document.querySelectorAll('p').length",
        "new Promise(resolve => setTimeout(resolve, 50, window.isReady))",
    ],
)
async def test_a_script_of_the_caller_is_awaited(shared: BrowserStage, function: str) -> None:
    """It runs in the page's own world, so that it sees the variables of the page."""
    assert await title(shared, page(LATER.format("isReady = 1")), wait_for_function=function) == "later"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nothing.like.that", "wait_for_function: ReferenceError: nothing is not defined"),
        ("() => { throw 'a word' }", "wait_for_function: a word"),
        ("Promise.reject(new TypeError('no'))", "wait_for_function: TypeError: no"),
        ("if (", "wait_for_function: SyntaxError: "),
    ],
)
async def test_a_script_that_throws_is_told(shared: BrowserStage, function: str, words: str) -> None:
    error = await refusal(shared, "<p>", wait_for_function=function, navigation_timeout_ms=8_000)
    assert error.type is ErrorType.SCRIPT_FAILED
    assert error.detail.startswith(words)


@pytest.mark.parametrize("function", ["false", "new Promise(() => {})", "() => {for (;;);}"])
async def test_a_script_that_never_comes_true_keeps_within_the_limit(
    shared: BrowserStage, function: str
) -> None:
    error = await refusal(shared, "<p>", wait_for_function=function)
    assert error.type is ErrorType.NAVIGATION_TIMEOUT
    assert error.detail.startswith("waited 700 ms for wait_for_function to be true; reached so far: ")


async def test_a_time_out_of_a_script_names_the_request_that_hangs(shared: BrowserStage) -> None:
    url = shared.site.url("/silent")
    html = page(f"fetch('{url}?secret').then(() => window.isReady = true)")
    error = await refusal(shared, html, wait_for_function="window.isReady")
    assert error.detail.endswith(f"; still open: {url}")


async def test_a_delay_comes_on_top_of_the_other_waits(shared: BrowserStage) -> None:
    html = page("onload = () => setTimeout(() => document.title = 'later', 2_500)")
    assert await title(shared, html, delay_ms=2_600, navigation_timeout_ms=2_400) == "later"
    assert await title(shared, html) == "early"


async def test_fonts_are_not_awaited_if_nobody_wants_that(shared: BrowserStage) -> None:
    loop = asyncio.get_running_loop()
    for wait_until in ("auto", "load"):
        started = loop.time()
        rendered = await shared.render("/silent-font", wait_until=wait_until, wait_for_fonts=False)
        assert rendered.warnings == []
        assert loop.time() - started < 3, "fonts have three seconds if they are wanted"


@pytest.mark.parametrize(
    ("html", "options", "words"),
    [
        ("<img src={silent}>", {}, "best_attempt: waited 700 ms for wait_until=auto; reached so far: commit"),
        ("<p>", {"wait_for_selector": "#no"}, "best_attempt: wait_for_selector: within 700 ms nothing"),
        ("<p>", {"wait_for_function": "false"}, "best_attempt: waited 700 ms for wait_for_function"),
    ],
)
@pytest.mark.parametrize("format_", ["png", "pdf"])
async def test_the_best_attempt_captures_what_is_there(
    shared: BrowserStage, html: str, options: dict[str, Any], words: str, format_: str
) -> None:
    html = "<title>there</title>" + html.format(silent=shared.site.url("/silent"))
    rendered = await shared.render(
        html=html, format=format_, best_attempt=True, navigation_timeout_ms=700, **options
    )
    assert rendered.page.title == "there"
    assert [warning for warning in rendered.warnings if warning.startswith(words)]


async def test_the_best_attempt_says_all_that_it_has_given_up(shared: BrowserStage) -> None:
    html = f"<title>there</title><img src={shared.site.url('/silent')}>"
    options: dict[str, Any] = {"wait_for_selector": "#no", "wait_for_function": "document.title"}
    rendered = await shared.render(html=html, best_attempt=True, navigation_timeout_ms=700, **options)
    page_wait, selector_wait = rendered.warnings
    assert page_wait.endswith(f"; still open: {shared.site.url('/silent')}")
    assert selector_wait.endswith("nothing matched #no")


@pytest.mark.parametrize("path", ["/silent", "/loop"])
async def test_the_best_attempt_of_no_page_is_none(shared: BrowserStage, path: str) -> None:
    with pytest.raises(RenderError) as caught:
        await shared.render(path, best_attempt=True, navigation_timeout_ms=700)
    assert caught.value.type is ErrorType.NAVIGATION_TIMEOUT
