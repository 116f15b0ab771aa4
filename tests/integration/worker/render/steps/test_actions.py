"""Clicks, keys and choices: the page sees them as those of a person."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Writes what happens into its title.
FORM = """<title></title><style>p { margin-top: 3000px }</style>
<input id=name value=A><select id=size><option value=s>Small<option value=l>Large</select>
<label><input type=checkbox id=box hidden>agree</label><p><button id=send>send</button></p>
<script>
  const said = [];
  const say = (word) => { said.push(word); document.title = said.join(" ") };
  const sayValue = ({type, target}) => say(`${type}:${target.value}`);
  addEventListener("input", sayValue);
  addEventListener("change", sayValue);
  addEventListener("click", ({target, isTrusted}) => say(`click:${target.id}:${isTrusted}`));
  addEventListener("keydown", (event) => say(`key:${event.key}`));
  addEventListener("mouseover", ({target}) => target.id === "send" && say("over"));
</script>"""


async def title(stage: BrowserStage, html: str = FORM, **options: Any) -> str:
    return ((await stage.render(html=html, **options)).page.title or "").strip()


async def failed(stage: BrowserStage, **options: Any) -> tuple[ErrorType, str]:
    with pytest.raises(RenderError) as caught:
        await stage.render(**{"html": FORM, **options})
    return caught.value.type, caught.value.detail


@pytest.mark.parametrize("format_", ["png", "pdf", "html"])
async def test_one_can_click_what_is_far_below(shared: BrowserStage, format_: str) -> None:
    assert await title(shared, click="#send", format=format_) == "over click:send:true"


async def test_a_form_is_filled_in(shared: BrowserStage) -> None:
    actions = [
        {"type": {"selector": "#name", "text": "da"}},
        {"press": "Backspace"},
        {"press": "x"},
        {"select": {"selector": "#size", "value": "Large"}},
        {"wait": 50},
        {"wait_for_selector": "#send"},
    ]
    said = await title(shared, actions=actions)
    assert said.split() == [
        "click:name:true",
        "key:End",
        "input:Ada",
        "key:Backspace",
        "input:Ad",
        "key:x",
        "input:Adx",
        "input:l",
        "change:l",
    ]


async def test_the_mouse_stays_where_it_was_put(shared: BrowserStage) -> None:
    html = "<style>#b { margin-top: 2000px } #b:hover { color: red }</style><button id=b>b</button>"
    script = "onmousemove = () => document.title = getComputedStyle(b).color + scrollY"
    said = await title(shared, f"{html}<script>{script}</script>", hover="#b")
    assert said.startswith("rgb(255, 0, 0)")
    assert said != "rgb(255, 0, 0)0"


async def test_one_can_scroll_to_an_element(shared: BrowserStage) -> None:
    html = (
        "<p style='margin-top: 4000px'><b>far</b><script>onscroll = () => document.title = scrollY</script>"
    )
    assert int(await title(shared, html, scroll_into_view="b")) > 3000


async def test_what_a_click_leads_to_is_waited_for(shared: BrowserStage) -> None:
    link = f"<a href='{shared.site.url('/tiny')}'>on</a>"
    rendered = await shared.render(html=link, click="a")
    assert (rendered.page.title, rendered.page.final_url) == ("tiny", shared.site.url("/tiny"))
    late = "<button onclick=\"setTimeout(() => document.title = 'late', 300)\">b</button>"
    assert await title(shared, late, click="button") == "late"


@pytest.mark.parametrize(
    ("options", "type_", "words"),
    [
        ({"click": "#none"}, ErrorType.SELECTOR_NOT_FOUND, "click (click): nothing matches: #none"),
        ({"hover": "#box"}, ErrorType.SELECTOR_NOT_FOUND, "the element that matches is not visible"),
        ({"click": "a["}, ErrorType.INVALID_REQUEST, "cannot read the selector a["),
        (
            {"actions": [{"wait": 1}, {"select": {"selector": "#size", "value": "Huge"}}]},
            ErrorType.SCRIPT_FAILED,
            "actions[1] (select): #size has no such option; it has s, l",
        ),
        (
            {"actions": [{"select": {"selector": "#name", "value": "x"}}]},
            ErrorType.SCRIPT_FAILED,
            "actions[0] (select): #name is no <select>",
        ),
        (
            {"html": "<button>b</button><div id=veil style='position:fixed;inset:0'>", "click": "button"},
            ErrorType.SELECTOR_NOT_FOUND,
            "button is covered by <div>#veil",
        ),
    ],
)
async def test_an_action_that_cannot_be_done_is_named(
    shared: BrowserStage, options: dict[str, Any], type_: ErrorType, words: str
) -> None:
    # No wait for what never comes.
    found, detail = await failed(shared, navigation_timeout_ms=3_000, **options)
    assert found is type_
    assert words in detail
