"""Signing in to the dashboard: the cookie, what ends a session, and what a key may see and do."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from uuid import uuid4

import httpx
import pytest
import structlog

from api.ui.session.cookie import NAME, DashboardSession
from api.ui.site import PAGES
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.queue.announcements import announce_change
from fleet.tenants.api_keys import create_key, revoke
from fleet.tenants.authenticate import digest_of
from fleet.tenants.tenant import Scope
from fleet.workers import pause
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import problem
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S

OURS = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and has no key."""
    async with httpx.AsyncClient(base_url=api.client.base_url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


async def sign_in(client: httpx.AsyncClient, key: str, **headers: str) -> httpx.Response:
    return await client.post("/ui/login", data={"key": key}, headers={**OURS, **headers})


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


async def test_a_form_without_end_is_refused(serve: Serve, tenant_key: str) -> None:
    async with serve(API_MAX_BODY_BYTES=1024) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        answer = await client.post("/ui/fleet/pause", data={"reason": "x" * 2000}, headers=OURS)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith("text/html")


async def test_refusals_are_pages_here_and_documents_elsewhere(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        await sign_in(client, tenant_key)
        for path, status in (("/ui/none", 404), ("/ui/fleet/none", 404), ("/ui/files/none.css", 404)):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (
                status,
                "text/html; charset=utf-8",
            )
            assert "<h1>There is nothing at this address</h1>" in answer.text
            assert answer.headers["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self'"
            )
        answer = await client.put("/ui/fleet", headers=OURS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
        assert "<h1>The method is not allowed here</h1>" in answer.text
        problem(await client.get("/uinverse"), 404, ErrorType.NOT_FOUND)


async def test_an_unexpected_error_is_a_page_too(serve: Serve, database: Database, tenant_key: str) -> None:
    async with serve() as api, browser(api) as client:
        await sign_in(client, tenant_key)
        await database.execute("ALTER TABLE jobs RENAME COLUMN warnings TO renamed")
        for method, path in (("GET", "/ui/jobs"), ("POST", f"/ui/jobs/{uuid4()}/again")):
            answer = await client.request(method, path, headers={**OURS, "X-Request-Id": "seen.1"})
            assert answer.status_code == 500, path
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["renderfleet-error"] == "internal_error"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "request seen.1" in answer.text
            assert "warnings" not in answer.text
        # An open page shows the sentence in its own place.
        answer = await client.get("/ui/jobs", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")


async def test_files_are_kept_for_a_year_under_a_name_of_their_content(api: Api) -> None:
    async with browser(api) as client:
        page = (await client.get("/ui/login")).text
        addresses = re.findall(r'"(/ui/files/[^"]+)"', page)
        assert len(addresses) == 3
        for address in addresses:
            answer = await client.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-encoding"] == "gzip"
            plain = await client.get(address, headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.content == answer.content


async def test_an_operator_can_leave_the_dashboard_out(serve: Serve) -> None:
    async with serve(API_UI="off") as api:
        problem(await api.client.get("/ui/login"), 404, ErrorType.NOT_FOUND)
        answer = await api.client.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
        assert "dashboard" not in (await api.client.get("/")).json()["places"]


async def test_the_address_alone_leads_a_browser_and_tells_a_program(api: Api) -> None:
    answer = await api.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui")
    document = (await api.client.get("/")).json()
    assert document["name"] == "renderfleet"
    for place in document["places"].values():
        assert (await api.client.get(place)).status_code in (200, 303), place


async def test_the_stream_ends_with_the_session(serve: Serve, database: Database, tenant_key: str) -> None:
    async with serve(API_KEY_CACHE_S=0) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        async with client.stream("GET", "/ui/live") as answer, asyncio.timeout(PATIENCE_S):
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await announce_change(api.dependencies.redis, uuid4())
            assert await first_of(lines, "data") == "data: changed"
            async with database.connection() as connection:
                await revoke(connection, tenant_key.split("_")[1], spares_last_admin=False)
            await announce_change(api.dependencies.redis, uuid4())
            assert [line async for line in lines if line] == ["data: changed"]
        assert api.dependencies.ticks.count == 0


async def first_of(lines: AsyncIterator[str], beginning: str) -> str:
    async for line in lines:
        if line.startswith(beginning):
            return line
    raise AssertionError(f"no line begins with {beginning}")


async def test_a_stream_too_many_is_refused(serve: Serve, tenant_key: str) -> None:
    async with serve(API_MAX_WAITERS=0) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        answer = await client.get("/ui/live")
        assert (answer.status_code, answer.headers["renderfleet-error"]) == (503, "too_many_waiters")


async def test_the_stream_does_not_hold_up_the_end_of_the_process(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        await sign_in(client, tenant_key)
        async with client.stream("GET", "/ui/live") as answer, asyncio.timeout(PATIENCE_S):
            api.dependencies.waiters.release()
            assert [line async for line in answer.aiter_lines() if line] == ["retry: 2000", "data: changed"]


async def test_no_page_is_in_the_openapi_document(api: Api) -> None:
    paths = (await api.client.get("/openapi.json")).json()["paths"]
    assert [path for path in paths if path.startswith("/ui")] == []
