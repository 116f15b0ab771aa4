"""Signing in to the dashboard: the cookie, what ends a session, and what a key may see and do."""

import time
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
import structlog

from api.ui.session.cookie import NAME, DashboardSession
from api.ui.site import PAGES
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key, revoke
from fleet.tenants.authenticate import digest_of
from fleet.tenants.tenant import Scope
from fleet.workers import pause
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import problem
from tests.kit.api.dashboard import OURS, browser, sign_in
from tests.kit.data.vaults import VAULT


def cookie_of(answer: httpx.Response) -> "Morsel[str]":
    """The only cookie that an answer sets."""
    (header,) = answer.headers.get_list("set-cookie")
    ((_, morsel),) = SimpleCookie(header).items()
    return morsel


async def key_with(database: Database, *scopes: Scope) -> str:
    async with database.connection() as connection:
        return await create_key(connection, tenant_name="tests", key_name="another", scopes=frozenset(scopes))


async def test_a_key_signs_in_with_a_cookie_that_only_the_dashboard_takes(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        answer = await sign_in(client, tenant_key)
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui")
        cookie = cookie_of(answer)
        assert (cookie.key, cookie["path"], cookie["max-age"]) == (NAME, "/ui", "43200")
        assert cookie["httponly"]
        assert cookie["samesite"] == "strict"
        assert not cookie["secure"]
        assert tenant_key.rpartition("_")[2] not in cookie.value
        assert (await client.get("/ui/fleet")).status_code == 200
        problem(
            await client.get("/v1/me", headers={"Cookie": f"{NAME}={cookie.value}"}),
            401,
            ErrorType.UNAUTHORIZED,
        )


async def test_behind_tls_no_other_host_can_set_the_cookie(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        cookie = cookie_of(await sign_in(client, tenant_key, Origin="https://renders.example.com"))
        assert (cookie.key, cookie["path"]) == ("__Host-renderfleet", "/")
        assert cookie["secure"]
        assert not cookie["domain"]
        headers = {"Cookie": f"{cookie.key}={cookie.value}"}
        assert (await client.get("/ui/fleet", headers=headers)).status_code == 200
        problem(await client.get("/v1/me", headers=headers), 401, ErrorType.UNAUTHORIZED)


@pytest.mark.parametrize("key", ["", "x", "rf_0123456789ab_" + "a" * 43, "<script>"])
async def test_a_key_that_nobody_has_is_told_so(api: Api, key: str) -> None:
    async with browser(api) as client:
        answer = await sign_in(client, key)
    assert answer.status_code == 401
    assert "This key is not known here" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_revoked_key_ends_its_sessions(serve: Serve, database: Database, tenant_key: str) -> None:
    async with serve(API_KEY_CACHE_S=0) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        assert (await client.get("/ui/fleet?a=b")).status_code == 200
        async with database.connection() as connection:
            await revoke(connection, tenant_key.split("_")[1], spares_last_admin=False)
        answer = await client.get("/ui/fleet?a=b")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/ui/login?next=/ui/fleet%3Fa%3Db"
        # An open page asks by script: it is led away, not filled with the page to sign in.
        answer = await client.get("/ui/fleet", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/ui/login")


async def test_signing_out_ends_the_session_of_this_browser(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        await sign_in(client, tenant_key)
        await client.post("/ui/logout", headers=OURS)
        assert not client.cookies
        assert (await client.get("/ui/fleet")).status_code == 303


async def test_a_session_ends_after_its_time_and_cannot_be_changed(api: Api, tenant_key: str) -> None:
    digest = digest_of(tenant_key)
    assert digest is not None
    session = DashboardSession.begin(digest)
    over = replace(session, ends_at=time.time() - 1)
    whole = session.seal(VAULT)
    other = whole.replace(digest.id, "0123456789ab")
    changed = whole[:-2] + ("A" if whole[-2] != "A" else "B") + whole[-1]
    async with browser(api) as client:
        for value, status in (
            (whole, 200),
            (over.seal(VAULT), 303),
            (other, 303),
            (changed, 303),
            (f"{digest.id}.", 303),
            (f"{digest.id}.\u00e9", 303),
            ("." * 4000, 303),
        ):
            answer = await client.get("/ui/fleet", headers=[(b"Cookie", f"{NAME}={value}".encode())])
            assert answer.status_code == status, value


# What a browser sends with a form, and whether it is a form of ours.
SENT: tuple[tuple[dict[str, str], bool], ...] = (
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://renders.test"}, False),
    # Plain http by address: browsers leave the header out.
    ({"Origin": "http://renders.test"}, True),
    ({"Origin": "http://renders.test:80"}, True),
    ({"Origin": "https://renders.test"}, False),
    ({"Origin": "http://renders.test:81"}, False),
    ({"Origin": "http://other.test"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "http://[::renders.test"}, False),
    ({}, False),
)


async def test_only_our_own_pages_may_change_anything(
    serve: Serve, database: Database, tenant_key: str
) -> None:
    async with serve(API_ALLOWED_HOSTS="renders.test") as api, browser(api) as client:
        await sign_in(client, tenant_key)
        for sent, is_ours in SENT:
            headers = {"Host": "renders.test:80", **sent}
            answer = await client.post("/ui/fleet/pause", headers=headers)
            assert answer.status_code == (303 if is_ours else 403), sent
            assert ((await pause.read(database)).paused_at is not None) is is_ours, sent
            await pause.resume(database)
            # The same holds for signing in: else a page could sign somebody in with a key of its own.
            answer = await client.post("/ui/login", data={"key": tenant_key}, headers=headers)
            assert answer.status_code == (303 if is_ours else 403), sent


async def test_what_a_key_may_not_do_is_not_drawn_and_is_refused(api: Api, database: Database) -> None:
    async with browser(api) as client:
        await sign_in(client, await key_with(database, Scope.READ))
        page = await client.get("/ui", follow_redirects=True)
        assert page.status_code == 200
        assert "/ui/fleet" not in page.text
        refused = [
            await client.get("/ui/fleet"),
            await client.post("/ui/fleet/pause", headers=OURS),
            await client.post("/ui/fleet/resume", headers=OURS),
        ]
        assert {answer.status_code for answer in refused} == {403}
        assert "lacks the scope `admin`" in refused[0].text
        assert (await pause.read(database)).paused_at is None


async def test_a_key_that_may_see_nothing_is_told_why(api: Api, database: Database) -> None:
    async with browser(api) as client:
        await sign_in(client, await key_with(database, Scope.LINKS))
        page = await client.get("/ui", follow_redirects=True)
        assert page.status_code == 200
        assert "has no scope with which one may look" in page.text
        for shown in PAGES:
            assert (await client.get(shown.path)).status_code in (403, 404), shown


async def test_every_page_asks_who_is_there(api: Api) -> None:
    async with browser(api) as client:
        for path in ("/ui", "/ui/live", *(page.path for page in PAGES)):
            answer = await client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/ui/login"), path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("/ui/fleet?a=b", "/ui/fleet?a=b"),
        ("//evil.test", "/ui"),
        ("https://evil.test/ui", "/ui"),
        ("/ui/\\evil.test", "/ui"),
        ("/uinverse", "/ui"),
        ("/ui/fleet\r\nSet-Cookie: a=b", "/ui"),
        ("", "/ui"),
    ],
)
async def test_signing_in_leads_only_to_our_own_pages(
    api: Api, tenant_key: str, wanted: str, found: str
) -> None:
    async with browser(api) as client:
        answer = await client.post("/ui/login", data={"key": tenant_key, "next": wanted}, headers=OURS)
        assert answer.headers["location"] == found


async def test_actions_are_lines_of_the_log(api: Api, tenant_key: str) -> None:
    with structlog.testing.capture_logs() as written:
        async with browser(api) as client:
            await sign_in(client, tenant_key)
            await client.post("/ui/fleet/pause", data={"reason": "disk"}, headers=OURS)
    lines = [line for line in written if line["event"] == "dashboard action"]
    assert [(line["action"], line["key_id"]) for line in lines] == [
        ("signed in", tenant_key.split("_")[1]),
        ("fleet paused", tenant_key.split("_")[1]),
    ]
    assert lines[1]["reason"] == "disk"
    assert tenant_key.rpartition("_")[2] not in str(written)


async def test_what_a_form_has_done_is_said_once(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        await sign_in(client, tenant_key)
        await client.post("/ui/fleet/pause", data={"reason": "<b>disk"}, headers=OURS)
        page = (await client.get("/ui/fleet")).text
        assert "no worker begins another job." in page
        assert "&lt;b&gt;disk" in page
        assert 'class="notice success"' not in (await client.get("/ui/fleet")).text
