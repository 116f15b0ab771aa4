"""What is kept out of a page, by whom it is refused, and how it is counted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import BlockedFacts
from tests.kit.servers.tls_site import CLIP, TlsSite, plain_site, tls_site
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

LISTS: dict[str, Any] = {"block_ads": True, "block_trackers": True}
# Hosts and paths that are in EasyList and in EasyPrivacy for years.
AD_HOST, TRACKER_HOST = "www.adform.net", "static.hotjar.com"
AD_PATH, TRACKER_PATH = "/pagead/conversion.js", "/piwik.js"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def secure() -> AsyncIterator[TlsSite]:
    """Two hosts of https, below the name that the stage resolves."""
    async with tls_site("www.site.test", "cdn.site.test") as site:
        yield site


async def show(stage: BrowserStage, site: TlsSite, body: str, **options: Any) -> BlockedFacts | None:
    """Render a page of https with these elements, `{cdn}` being another host, and tell what was blocked."""
    site.page = "<!DOCTYPE html>" + body.replace("{cdn}", f"https://cdn.site.test:{site.port}")
    site.asked.clear()
    url = f"https://www.site.test:{site.port}/"
    rendered = await stage.render(url=url, ignore_https_errors=True, **options)
    assert rendered.warnings == []
    return rendered.blocked


async def test_a_path_of_https_is_refused_and_its_neighbours_are_not(
    shared: BrowserStage, secure: TlsSite
) -> None:
    html = '<img src="{cdn}/ads/1.gif?a"><img src="{cdn}/bads/2.gif"><img src="/ads/3.gif">'
    blocked = await show(shared, secure, html, block_requests=["cdn.site.test/ads/*"])
    assert (secure.count("/ads/1"), secure.count("/bads/2"), secure.count("/ads/3")) == (0, 1, 1)
    assert blocked == BlockedFacts(requests=1)
    assert await show(shared, secure, html) is None
    assert secure.count("/ads/1") == 1


async def test_what_is_allowed_is_refused_by_nothing_else(shared: BrowserStage, secure: TlsSite) -> None:
    html = '<img src="{cdn}/a/1.gif"><img src="{cdn}/b/2.gif">'
    options = {"block_requests": ["cdn.site.test"], "allow_requests": ["cdn.site.test/a/*"]}
    blocked = await show(shared, secure, html, **options)
    assert (secure.count("/a/1"), secure.count("/b/2")) == (1, 0)
    assert blocked == BlockedFacts(requests=1)


async def test_kinds_are_told_apart(shared: BrowserStage, secure: TlsSite) -> None:
    html = (
        '<img src="{cdn}/1.gif"><script src="{cdn}/2.js"></script><video src="{cdn}/3.mp4" autoplay></video>'
    )
    html += "<script>fetch('/4.json')</script>"
    blocked = await show(shared, secure, html, block_media=True, block_resources=["image", "xhr"])
    assert [secure.count(name) for name in ("1.gif", "2.js", "3.mp4", "4.json")] == [0, 1, 0, 0]
    assert blocked == BlockedFacts(requests=3)


async def test_lists_refuse_hosts_and_paths_and_each_is_counted(
    shared: BrowserStage, secure: TlsSite
) -> None:
    html = (
        f'<script src="https://{AD_HOST}/x.js"></script><script src="https://{TRACKER_HOST}/y.js"></script>'
    )
    html += f'<script src="{{cdn}}{AD_PATH}"></script><script src="{{cdn}}{TRACKER_PATH}"></script>'
    html += '<script src="{cdn}/main.js"></script>'
    # Without the lists both hosts have no address here.
    blocked = await show(shared, secure, html, **LISTS)
    assert (secure.count(AD_PATH), secure.count(TRACKER_PATH), secure.count("main.js")) == (0, 0, 1)
    assert blocked == BlockedFacts(ads=2, trackers=2, requests=4)
    assert await show(shared, secure, html, block_ads=True) == BlockedFacts(ads=2, requests=2)
    assert secure.count(TRACKER_PATH) == 1


async def test_plain_http_is_decided_without_the_browser(shared: BrowserStage) -> None:
    host = f"http://cdn.site.test:{shared.site.port}"
    html = f'<script src="{host}{AD_PATH}"></script><img src="{host}/photo/1.jpg">'
    before = shared.site.visits.total()
    rendered = await shared.render(html=html, **LISTS)
    assert rendered.blocked == BlockedFacts(ads=1, requests=1)
    assert shared.site.visits.total() - before == 1


async def show_plain(stage: BrowserStage, body: str, **options: Any) -> tuple[TlsSite, BlockedFacts | None]:
    """Render a page of plain http with these elements."""
    async with plain_site() as site:
        site.page = "<!DOCTYPE html>" + body
        url = f"http://www.site.test:{site.port}/"
        rendered = await stage.render(url=url, ignore_https_errors=True, **options)
        assert rendered.warnings == []
        return site, rendered.blocked


async def test_videos_of_plain_http_are_cut_off_after_their_head_and_counted(shared: BrowserStage) -> None:
    html = '<video src="/1.mp4"></video><audio src="/2?type=audio/ogg"></audio><img src="/3.gif">'
    html += '<video src="/4?type=video/mp4" preload=auto></video>'
    site, blocked = await show_plain(shared, html, block_media=True)
    assert (site.count("/1.mp4"), site.count("/3.gif")) == (0, 1)
    assert blocked is not None
    assert blocked.bytes == 2 * len(CLIP)
    assert blocked.requests >= 3
    _, blocked = await show_plain(shared, html, block_media=True, allow_requests=["www.site.test"])
    assert blocked == BlockedFacts()


async def test_a_page_of_plain_http_has_the_browser_stop_paths_of_https_from_its_first_tunnel_on(
    shared: BrowserStage, secure: TlsSite
) -> None:
    secure.asked.clear()
    cdn = f"https://cdn.site.test:{secure.port}"
    html = f"""<script type=module>
    const load = path => new Promise(done => {{
      const script = document.createElement("script");
      script.onload = script.onerror = done;
      script.src = "{cdn}" + path;
      document.head.append(script);
    }});
    for (const path of ["/1.js", "{AD_PATH}", "/3.js"]) await load(path);
    document.title = "all";
    </script>"""
    _, blocked = await show_plain(shared, html, wait_for_function="document.title", **LISTS)
    assert blocked == BlockedFacts(ads=1, requests=1)
    assert [secure.count(name) for name in ("/1.js", AD_PATH, "/3.js")] == [1, 0, 1]


async def test_what_is_refused_on_purpose_has_not_failed(shared: BrowserStage, secure: TlsSite) -> None:
    html = f'<script src="https://{AD_HOST}/x.js"></script><script src="{{cdn}}{AD_PATH}"></script>'
    await show(shared, secure, html, block_ads=True, fail_on_failed_request=True)
    with pytest.raises(RenderError) as caught:
        await show(shared, secure, html, fail_on_failed_request=True)
    assert caught.value.type is ErrorType.CONTENT_REJECTED


async def test_the_page_itself_may_be_on_a_list_and_is_shown(shared: BrowserStage, secure: TlsSite) -> None:
    html = f'<script>document.title = "shown"</script><script src="{{cdn}}{TRACKER_PATH}"></script>'
    secure.page = html.replace("{cdn}", f"https://cdn.site.test:{secure.port}")
    url = f"https://www.site.test:{secure.port}/?a=/piwik/x"
    rendered = await shared.render(url=url, ignore_https_errors=True, **LISTS)
    assert rendered.page.http_status == 200
    assert rendered.blocked == BlockedFacts(trackers=1, requests=1)


async def test_headers_go_to_their_origin_while_the_browser_stops_requests(
    shared: BrowserStage, secure: TlsSite
) -> None:
    html = '<img src="{cdn}/ads/1.gif"><img src="/2.gif">'
    blocked = await show(shared, secure, html, headers={"X-Test": "1"}, block_requests=["*/ads/*"], **LISTS)
    assert (secure.count("/ads/1"), secure.count("/2.gif")) == (0, 1)
    assert blocked is not None
    assert blocked.requests == 1


async def test_elements_of_advertisements_are_hidden(shared: BrowserStage) -> None:
    html = """<!DOCTYPE html><body style="margin:0"><div class="ad-slot" style="height:300px">ad</div>
    <div id="article" style="height:100px">text</div>"""
    blocked_px = (await shared.render(html=html, selector="body", block_ads=True)).artifact.height_px
    plain_px = (await shared.render(html=html, selector="body")).artifact.height_px
    assert (blocked_px, plain_px) == (100, 400)


@pytest.mark.parametrize(
    "advertisement",
    [
        '<div class="amp-ad-7 wide">ad</div>',
        '<div id="adrotate_widgets-3">ad</div>',
        '<a style="display: block" href="https://track.adform.net/x">ad</a>',
        "<ad-slot style='display: block'>ad</ad-slot>",
        "<div data-ad-region=1>ad</div>",
    ],
    ids=["class", "id", "link", "element", "other attribute"],
)
async def test_what_the_list_names_on_every_page_is_hidden(
    shared: BrowserStage, secure: TlsSite, advertisement: str
) -> None:
    """By a part of a class, of an id, of an address; by the name of an element, and by another attribute."""
    secure.page = f"""<!DOCTYPE html><body style="margin: 0; line-height: 50px">{advertisement}
    <a style="display: block" class="adept" id="rotate" href="https://example.com/">text</a>"""
    url = f"https://www.site.test:{secure.port}/"
    shown: dict[str, Any] = {"url": url, "ignore_https_errors": True, "selector": "body"}
    assert (await shared.render(**shown, block_ads=True)).artifact.height_px == 50
    assert (await shared.render(**shown)).artifact.height_px == 100
    given: dict[str, Any] = {"html": secure.page, "selector": "body", "block_ads": True}
    assert (await shared.render(**given)).artifact.height_px == 50


async def test_refused_pictures_and_frames_leave_no_place(shared: BrowserStage, secure: TlsSite) -> None:
    ads = [
        f"""<img src='https://{AD_HOST}/1.gif?"\\' height=200 style="display:block">""",
        f"""<iframe src="//{AD_HOST}/2" height=300 style="display:block;border:0"></iframe>""",
    ]
    own = [
        '<img src="{cdn}/missing.gif" height=50 style="display:block">',
        '<iframe src="about:blank" height=30 style="display:block;border:0"></iframe>',
    ]
    secure.page = "<!DOCTYPE html><body style=margin:0>" + "".join([*ads, *own]).replace(
        "{cdn}", f"https://cdn.site.test:{secure.port}"
    )
    url = f"https://www.site.test:{secure.port}/"
    for options, height_px in (({"block_ads": True}, 80), ({"block_requests": [AD_HOST]}, 580)):
        rendered = await shared.render(url=url, ignore_https_errors=True, selector="body", **options)
        assert rendered.blocked is not None
        assert rendered.blocked.requests == 2
        assert rendered.artifact.height_px == height_px
