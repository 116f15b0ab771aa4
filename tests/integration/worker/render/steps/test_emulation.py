"""What a page sees of its reader, and what its browser is lenient about."""

import json
import ssl
from typing import Any

import pytest
import trustme

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pictures import colours
from tests.kit.servers.recording_server import recording_server
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# What a document can see, in one list.
VIEW = """[navigator.userAgent, navigator.platform, navigator.languages.join(), (1234.5).toLocaleString(),
  Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)", "(prefers-contrast: more)",
    "(forced-colors: active)", "print"].map(query => matchMedia(query).matches)]"""
FRAME = f"<script>parent.postMessage({VIEW}, '*')</script>"
# The page is not loaded before its title is there: a document that is being written holds the load event up.
HOLDING = """<title></title><script>
  const holder = document.documentElement.appendChild(document.createElement("iframe")).contentDocument;
  holder.open();
  const tell = (...seen) => { document.title = JSON.stringify(seen); holder.close(); };
</script>"""
LOOKS = f"""{HOLDING}<script>
  onmessage = event => tell({VIEW}, event.data, navigator.userAgentData.toJSON());
</script><iframe src="http://frame.site.test:%d/"></iframe>"""

ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36"
)
ASKED: dict[str, Any] = {
    "user_agent": ANDROID,
    "locale": "de-DE",
    "timezone_id": "Asia/Tokyo",
    "color_scheme": "dark",
    "reduced_motion": "reduce",
    "contrast": "more",
    "forced_colors": "active",
    "media": "print",
}


async def look(shared: BrowserStage, **options: Any) -> tuple[list[Any], list[dict[str, str]]]:
    """What the page told, and the heads of its request and of its frame's."""
    async with recording_server(FRAME) as frame, recording_server(LOOKS % frame.port) as site:
        rendered = await shared.render(url=f"http://127.0.0.1:{site.port}/", **options)
        return json.loads(rendered.page.title or ""), [site.heads[0], frame.heads[0]]


async def test_a_page_and_its_frame_see_everything_that_was_asked_for(shared: BrowserStage) -> None:
    (page, frame, hints), heads = await look(shared, **ASKED)
    assert page == [ANDROID, "Linux armv81", "de-DE,de", "1.234,5", "Asia/Tokyo", *[True] * 5]
    assert frame == page, "a frame of another site"
    assert [head["user-agent"] for head in heads] == [ANDROID] * 2
    assert [head["accept-language"] for head in heads] == ["de-DE,de;q=0.9"] * 2
    brands = '"Not_A Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"'
    sent = {name: value for name, value in heads[0].items() if name.startswith("sec-ch-ua")}
    assert sent == {"sec-ch-ua": brands, "sec-ch-ua-mobile": "?1", "sec-ch-ua-platform": '"Android"'}
    assert (hints["mobile"], hints["platform"]) == (True, "Android")
    assert [brand["version"] for brand in hints["brands"]] == ["8", "120", "120"]


async def test_without_options_the_browser_is_itself(shared: BrowserStage) -> None:
    (page, frame, _), _ = await look(shared)
    assert page[2:] == ["en-US", "1,234.5", page[4], *[False] * 5]
    assert frame == page
    assert "Chrome" in page[0]


async def test_safari_sends_no_client_hints(shared: BrowserStage) -> None:
    (page, _, hints), heads = await look(shared, device="iPhone 13")
    assert page[1] == "iPhone"
    assert "Version/" in page[0]
    assert hints["brands"] == []
    assert not [name for name in heads[0] if name.startswith("sec-ch")]


@pytest.mark.parametrize(
    ("options", "told"),
    [({"geolocation": {"latitude": 52.5, "longitude": 13.25, "accuracy": 10}}, [52.5, 13.25, 10]), ({}, [1])],
)
async def test_a_page_learns_the_place_without_asking(
    shared: BrowserStage, options: dict[str, Any], told: list[float]
) -> None:
    page = f"""{HOLDING}<script>navigator.geolocation.getCurrentPosition(
        ({{coords}}) => tell(coords.latitude, coords.longitude, coords.accuracy), ({{code}}) => tell(code))
    </script>"""
    async with recording_server(page) as site:
        rendered = await shared.render(url=f"http://127.0.0.1:{site.port}/", **options)
    assert json.loads(rendered.page.title or "") == told, "1 means: permission denied"


@pytest.mark.parametrize("options", [{}, {"full_page": True}])
async def test_a_page_without_scripts_shows_what_it_has_for_those_who_have_none(
    shared: BrowserStage, options: dict[str, Any]
) -> None:
    html = """<title>first</title><body style="margin: 0; height: 1000px"><script>
        document.title = "second"; document.body.style.background = "red"</script>
        <noscript><div style="height: 1000px; background: lime"></div></noscript>"""
    rendered = await shared.render(html=html, java_script_enabled=False, **options)
    assert rendered.page.title == "first"
    assert colours(shared.output, (5, 5), (5, 700)) == [(0, 255, 0)] * 2
    rendered = await shared.render(html=html, **options)
    assert (rendered.page.title, *colours(shared.output, (5, 5))) == ("second", (255, 0, 0))


async def test_our_own_scripts_and_their_timers_run_while_those_of_the_page_do_not(
    shared: BrowserStage,
) -> None:
    async with shared.page() as page:
        await page.disable_scripts()
        await page.navigate(shared.site.url("/given?html=<body onclick='document.title=1'>"))
        wait = "new Promise(resolve => setTimeout(resolve, 300, performance.now()))"
        assert await page.evaluate(f"{wait}.then(began => performance.now() - began)") >= 300
        assert await page.evaluate("document.body.click(); document.title") == ""
        assert await page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize(("options", "title"), [({"bypass_csp": True}, "ran"), ({}, "")])
async def test_a_policy_of_the_page_is_bypassed_if_asked(
    shared: BrowserStage, options: dict[str, Any], title: str
) -> None:
    forbids = "Content-Security-Policy: script-src 'none'\r\n"
    async with recording_server("<script>document.title = 'ran'</script>", headers=forbids) as site:
        rendered = await shared.render(url=f"http://127.0.0.1:{site.port}/", **options)
    assert rendered.page.title == title


async def test_a_certificate_that_does_not_hold_is_accepted_if_asked(shared: BrowserStage) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("another.example").configure_cert(context)
    async with recording_server("<title>open</title>", tls=context) as site:
        url = f"https://127.0.0.1:{site.port}/"
        rendered = await shared.render(url=url, ignore_https_errors=True)
        assert rendered.page.title == "open"
        with pytest.raises(RenderError) as caught:
            await shared.render(url=url)
    assert caught.value.type is ErrorType.TLS_ERROR, "the next page is lenient too"
