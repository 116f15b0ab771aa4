"""What the target is told of the caller, and that nobody else is told. A recorder keeps who was told what."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.image_warnings import without_image_warnings
from tests.kit.servers.recorder import Answer, Recorder, recorder
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from worker.render import pipeline
from worker.render.pipeline import Rendered

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

TOKEN = {"X-Token": "for-the-target"}
BASIC = {"username": "anna", "password": "wörd"}
AUTHORIZATION = "Basic " + base64.b64encode("anna:wörd".encode()).decode()


@pytest_asyncio.fixture(loop_scope="session")
async def web() -> AsyncIterator[Recorder]:
    async with recorder() as started:
        yield started


def to(address: str) -> Answer:
    return Answer(status="302 Found", headers=(f"Location: {address}",))


# What a page loads in every way that it can, from its own origin (`own`) and from others.
PAGE = """<!doctype html><title>loading</title><link rel=preconnect href="{other}">
<link rel=stylesheet href="{other}/style"><link rel=prefetch href="{other}/prefetch">
<script src="{other}/script"></script><img src="{other}/image"><img src="/image"><img src="/image-elsewhere">
<iframe src="{other}/frame"></iframe><iframe src="/frame-elsewhere"></iframe>
<a id=link href="{other}/window">window</a>
<script>
const quietly = (address, options) => fetch(address, options).catch(() => 0);
const worker = source => new Promise(done => {{ new Worker(source).onmessage = done; }});
onload = async () => {{
  await quietly("/fetch");
  await quietly("{other}/fetch", {{mode: "no-cors"}});
  await quietly("/fetch-elsewhere", {{mode: "no-cors"}});
  await worker("/worker");
  navigator.sendBeacon("{other}/beacon");
  document.querySelector("#link").dispatchEvent(new MouseEvent("click", {{ctrlKey: true}}));
  await quietly("/last");
  document.title = "done";
}};
</script>"""
WORKER = """(async () => {{
  await fetch("/of-worker"); await fetch("{other}/of-worker", {{mode: "no-cors"}}); postMessage(1);
}})()"""
# Another origin that would act in the caller's name.
FRAME = """<script>
fetch("{own}/from-frame-read").catch(() => 0);
fetch("{own}/from-frame-write", {{method: "POST", mode: "no-cors"}}).catch(() => 0);
</script>"""


def everything(web: Recorder) -> None:
    """Answers for a page whose address leads to another origin and back before it is shown."""
    names = {"own": web.url("app", ""), "other": web.url("other", "")}
    own, other = names["own"], names["other"]
    web.answers = {
        "/start": to(f"{other}/between"),
        "/between": to(f"{own}/page"),
        "/page": Answer(PAGE.format(**names)),
        "/image-elsewhere": to(f"{other}/image-redirected"),
        "/frame-elsewhere": to(f"{other}/frame-redirected"),
        "/fetch-elsewhere": to(f"{other}/fetch-redirected"),
        "/worker": Answer(WORKER.format(**names), content_type="text/javascript"),
        "/frame": Answer(FRAME.format(**names)),
        "/from-frame-read": Answer(headers=("Access-Control-Allow-Origin: *",)),
    }


TOLD = {
    "/start", "/page", "/image", "/image-elsewhere", "/frame-elsewhere", "/fetch", "/fetch-elsewhere",
    "/worker", "/of-worker", "/last",
}  # fmt: skip
NOT_TOLD = {
    "/between", "/style", "/prefetch", "/script", "/image", "/image-redirected", "/frame",
    "/frame-redirected", "/fetch", "/fetch-redirected", "/of-worker", "/beacon",
}  # fmt: skip
OF_THE_FRAME = {"/from-frame-read", "/from-frame-write"}


@pytest.mark.parametrize("has_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"headers": TOKEN}, "x-token", "for-the-target"),
        ({"basic_auth": BASIC}, "authorization", AUTHORIZATION),
    ],
)
async def test_headers_and_credentials_go_to_the_origin_of_the_target_alone(
    shared: BrowserStage, options: dict[str, Any], name: str, value: str, *, has_tls: bool
) -> None:
    async with recorder(has_tls=has_tls) as web:
        await assert_target_alone_is_told(shared, web, options, name, value)


async def test_cookies_go_to_the_host_of_the_target_alone_over_https(shared: BrowserStage) -> None:
    cookies = {"cookies": [{"name": "session", "value": "for-the-target", "secure": True}]}
    async with recorder(has_tls=True) as web:
        await assert_target_alone_is_told(shared, web, cookies, "cookie", "session=for-the-target")


async def assert_target_alone_is_told(
    shared: BrowserStage, web: Recorder, options: dict[str, Any], name: str, value: str
) -> None:
    everything(web)
    function: dict[str, Any] = {"wait_for_function": "document.title === 'done'", "ignore_https_errors": True}
    rendered = await shared.render(url=web.url("app", "/start"), **options, **function)
    assert without_image_warnings(rendered) == []
    told = {(visit.host, visit.path) for visit in web.visits if name in visit.headers}
    silent = {(visit.host, visit.path) for visit in web.visits if name not in visit.headers}
    assert {path for host, path in told if host == "app.site.test"} >= TOLD
    assert {host for host, _ in told} == {"app.site.test"}
    assert {path for host, path in silent if host == "other.site.test"} >= NOT_TOLD
    assert {path for host, path in silent if host == "app.site.test"} == OF_THE_FRAME
    assert {visit.headers[name] for visit in web.visits if name in visit.headers} == {value}


async def test_another_port_or_another_host_of_the_same_site_is_another_origin(
    shared: BrowserStage, web: Recorder
) -> None:
    async with recorder() as neighbour:
        elsewhere = [neighbour.url("app", "/port"), web.url("below.app", "/host"), web.url("app2", "/name")]
        pictures = "".join(f"<img src='{address}'>" for address in elsewhere)
        web.answers["/page"] = Answer(pictures)
        await shared.render(url=web.url("app", "/page"), headers=TOKEN)
        heads = [*neighbour.of("/port"), *web.of("/host"), *web.of("/name")]
    assert len(heads) == 3
    assert not any("x-token" in head for head in heads)
    assert "x-token" in web.of("/page")[0]


async def test_what_the_browser_sends_itself_stays_unless_it_is_replaced(
    shared: BrowserStage, web: Recorder
) -> None:
    web.answers["/page"] = Answer("<img src=/picture>")
    seen_as: dict[str, Any] = {"url": web.url("app", "/page"), "user_agent": "Tester/1", "locale": "de-DE"}
    await shared.render(**seen_as)
    await shared.render(**seen_as, headers={**TOKEN, "ACCEPT": "text/plain", "DNT": "1"})
    for path in ("/page", "/picture"):
        plain, ours = web.of(path)
        assert (plain["user-agent"], plain["accept-language"][:5]) == ("Tester/1", "de-DE")
        assert ours == plain | {"x-token": "for-the-target", "accept": "text/plain", "dnt": "1"}


async def test_nobody_is_answered_who_asks_for_credentials(shared: BrowserStage, web: Recorder) -> None:
    asks = Answer("<title>who?</title>", "401 Unauthorized", ("WWW-Authenticate: Basic realm=x",))
    web.answers = {"/page": Answer(f"<img src={web.url('other', '/asks')}>"), "/asks": asks}
    await shared.render(url=web.url("app", "/page"), basic_auth=BASIC)
    assert ["authorization" in head for head in web.of("/asks")] == [False]
    rendered = await shared.render(url=web.url("app", "/asks"), basic_auth=BASIC)
    assert (rendered.page.http_status, rendered.page.title) == (401, "who?")
    assert [head.get("authorization") for head in web.of("/asks", "app")] == [AUTHORIZATION]


async def test_who_was_led_elsewhere_is_told_that_nobody_was_told_there(
    shared: BrowserStage, web: Recorder
) -> None:
    web.answers["/start"] = to(web.url("www", "/page"))
    rendered = await shared.render(url=web.url("app", "/start"), headers=TOKEN, basic_auth=BASIC)
    words = f"identity: the page went on to {web.url('www', '')}; `headers` and `basic_auth` went only to"
    assert rendered.warnings == [f"{words} the origin of `url`, and not there"]


COOKIES = [
    {"name": "plain", "value": "1"},
    {"name": "of-url", "value": "2", "url": "http://app.site.test/below/x"},
    {"name": "hidden", "value": "3", "domain": "app.site.test", "path": "/", "httpOnly": True},
    {"name": "wide", "value": "4", "domain": ".app.site.test", "path": "/", "expires": 4102444800},
    {"name": "safe", "value": "5", "secure": True},
    "text=6; Path=/below; HttpOnly; SameSite=Strict",
    "text-wide=7; Domain=app.site.test; Max-Age=3600",
    "old=8; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
    "gone=9; Max-Age=0",
]


def pairs(heads: list[dict[str, str]]) -> set[str]:
    (head,) = heads
    return set(head["cookie"].split("; ")) if "cookie" in head else set()


async def test_cookies_go_where_they_belong(shared: BrowserStage, web: Recorder) -> None:
    page = "<script>document.title = document.cookie</script><img src=/root><img src='{0}'><img src='{1}'>"
    pictures = web.url("sub.app", "/sub"), web.url("other", "/other")
    web.answers["/below/page"] = Answer(page.format(*pictures))
    rendered = await shared.render(url=web.url("app", "/below/page"), cookies=COOKIES)
    everywhere = {"plain=1", "hidden=3", "wide=4", "text-wide=7"}
    assert pairs(web.of("/below/page")) == everywhere | {"of-url=2", "text=6"}
    assert pairs(web.of("/root")) == everywhere
    assert pairs(web.of("/sub")) == {"wide=4", "text-wide=7"}
    assert pairs(web.of("/other")) == set()
    assert set((rendered.page.title or "").split("; ")) == {"plain=1", "of-url=2", "wide=4", "text-wide=7"}
    assert without_image_warnings(rendered) == ["identity: cookies that have expired were not sent: 2"]


async def test_a_cookie_that_the_browser_refuses_fails_the_render_with_words(
    shared: BrowserStage, web: Recorder
) -> None:
    with pytest.raises(RenderError) as caught:
        await shared.render(url=web.url("app"), cookies=["__Http-a=b; Secure"])
    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.detail.startswith("cookies: the browser refuses one of them")
    assert web.visits == []


def state(web: Recorder) -> dict[str, Any]:
    """As Playwright writes it, with what belongs to another site."""
    common = {"path": "/", "expires": -1, "httpOnly": False, "secure": False, "sameSite": "Lax"}
    return {
        "cookies": [
            {"name": "session", "value": "abc", "domain": "app.site.test", **common},
            {"name": "other", "value": "def", "domain": "other.site.test", **common},
        ],
        "origins": [
            {
                "origin": web.url("app", ""),
                "localStorage": [{"name": "user", "value": "anna</script>\u2028"}],
            },
            {"origin": web.url("other", ""), "localStorage": [{"name": "user", "value": "bert"}]},
        ],
    }


async def test_storage_state_is_there_before_the_first_script_and_for_the_target_alone(
    shared: BrowserStage, web: Recorder
) -> None:
    tell = "<script>document.title = JSON.stringify({...localStorage}); fetch('/told')</script>"
    frame = "<script>fetch('/frame-told?' + localStorage.length + document.cookie)</script>"
    web.answers = {
        "/page": Answer(f"{tell}<iframe src={web.url('other', '/frame')}></iframe>"),
        "/frame": Answer(frame),
    }
    rendered = await shared.render(url=web.url("app", "/page"), storage_state=state(web))
    assert rendered.page.title == '{"user":"anna</script>\u2028"}'
    assert pairs(web.of("/page")) == pairs(web.of("/told")) == {"session=abc"}
    assert len(web.of("/frame-told?0", "other")) == 1
    assert rendered.warnings == [
        "identity: cookies in `storage_state` that do not belong to `url` were left out: 1",
        "identity: origins in `storage_state` that do not belong to `url` were left out: 1",
    ]


async def test_storage_is_not_for_whom_the_target_leads_to(shared: BrowserStage, web: Recorder) -> None:
    web.answers = {
        "/page": to(web.url("other", "/other")),
        "/other": Answer("<script>document.title = localStorage.length + document.cookie</script>"),
    }
    rendered = await shared.render(url=web.url("app", "/page"), storage_state=state(web))
    assert rendered.page.title == "0"


async def test_what_a_page_has_removed_from_its_storage_is_not_put_back(
    shared: BrowserStage, web: Recorder
) -> None:
    web.answers = {
        "/page": Answer("<script>localStorage.removeItem('user'); location = '/login'</script>"),
        "/login": Answer("<script>document.title = localStorage.getItem('user')</script>"),
    }
    rendered = await shared.render(url=web.url("app", "/page"), storage_state=state(web))
    assert rendered.page.title == "null"


async def test_renders_at_the_same_moment_know_nothing_of_each_other(
    shared: BrowserStage, web: Recorder
) -> None:
    """Two tenants, the same target: what each page shows and sends is its own; a third one has nothing."""
    tell = "<script>document.title = document.cookie + '; ' + localStorage.getItem('user')</script>"
    web.answers["/page"] = Answer(f"<img src=/met>{tell}")
    web.barriers["/page"] = web.barriers["/met"] = asyncio.Barrier(2)

    async def render(name: str) -> Rendered:
        entry = {"name": "user", "value": name}
        request = request_for(
            url=web.url("app", "/page"),
            headers={"X-Token": name},
            basic_auth={"username": name},
            cookies=[f"who={name}"],
            storage_state={"origins": [{"origin": web.url("app", ""), "localStorage": [entry]}]},
        )
        path = shared.folder / f"artifact-{name}"
        async with shared.pool.page() as page:
            return await pipeline.render(page, request, path, TERMS, max_bytes=MAX_BYTES)

    names = ["anna", "bert"]
    both = await asyncio.gather(*map(render, names))
    assert [rendered.page.title for rendered in both] == [f"who={name}; {name}" for name in names]
    web.barriers.clear()
    fresh = await shared.render(url=web.url("app", "/page"))
    assert fresh.page.title == "; null"

    def told(head: dict[str, str]) -> tuple[str | None, ...]:
        return head.get("x-token"), head.get("authorization"), head.get("cookie")

    basic = {name: "Basic " + base64.b64encode(f"{name}:".encode()).decode() for name in names}
    own = {(name, basic[name], f"who={name}") for name in names}
    for path in ("/page", "/met"):
        *first, last = map(told, web.of(path))
        assert set(first) == own
        assert last == (None, None, None)


async def test_the_largest_identity_arrives_whole(shared: BrowserStage, web: Recorder) -> None:

    headers = {f"x-{number}": "v" * 8_000 for number in range(4)}
    entry = {"name": "large", "value": "w" * 1_000_000}
    storage = {"origins": [{"origin": web.url("app", ""), "localStorage": [entry]}]}
    web.answers["/page"] = Answer("<script>document.title = localStorage.large.length</script>")
    rendered = await shared.render(url=web.url("app", "/page"), headers=headers, storage_state=storage)
    assert rendered.page.title == "1000000"
    (head,) = web.of("/page")
    assert {name: head[name] for name in headers} == headers
