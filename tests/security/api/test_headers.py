"""What a browser may do with our answers, which names we answer to, and which origins may call."""

import httpx
import pytest

from api.main import create_app
from fleet.errors import ErrorType
from fleet.settings import SettingsError
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, enqueue, problem

DEFAULTS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
APP = "https://app.example.com"


async def test_every_answer_carries_the_headers_once(api: Api) -> None:
    job = await enqueue(api.client)
    answers = [
        await api.client.get(job["links"]["self"]),
        await api.client.post("/v1/jobs", json=REQUEST),
        await api.client.post("/v1/jobs", json={}),
        await api.client.get("/v1/jobs", headers={"Authorization": "Bearer none"}),
        await api.client.get("/no/such/path"),
        await api.client.options("/v1/jobs"),
        await api.client.get("/livez"),
        await api.client.get("/metrics"),
        await api.client.get("/openapi.json"),
    ]
    assert {answer.status_code for answer in answers} == {200, 202, 422, 401, 404, 405}
    for answer in answers:
        assert {name: answer.headers.get_list(name) for name in DEFAULTS} == {
            name: [value] for name, value in DEFAULTS.items()
        }, answer.url
        assert "server" not in answer.headers


async def test_what_answers_a_link_is_for_pages_of_every_site(api: Api) -> None:
    """A refusal that is not tells the page's author nothing but ERR_BLOCKED_BY_RESPONSE.NotSameOrigin."""
    answers = [
        await api.client.get("/v1/screenshot"),
        await api.client.get("/v1/pdf?url=x"),
        await api.client.put("/v1/screenshot"),
        await api.client.get("/v1/screenshot", headers={"Host": "evil.example"}),
        await api.client.get(f"/v1/screenshot?url={'x' * 40_000}"),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 405, 421, 431]
    for answer in answers:
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin", answer.url
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors *"
        for name in ("cache-control", "referrer-policy", "x-content-type-options"):
            assert answer.headers.get_list(name) == [DEFAULTS[name]]


async def get_as(api: Api, *hosts: str, path: str = "/v1/jobs") -> httpx.Response:
    headers = [("Host", host) for host in hosts]
    return await api.client.get(path, headers=headers)


async def test_the_api_answers_to_addresses_and_localhost_alone(api: Api) -> None:
    for host in (
        "127.0.0.1",
        "127.0.0.1:8000",
        "[::1]:8000",
        "10.1.2.3",
        "localhost",
        "LOCALHOST:80",
        "a.localhost",
    ):
        assert (await get_as(api, host)).status_code == 200, host
    for host in (
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "api",
        "0x7f.1",
    ):
        refused = problem(await get_as(api, host), 421, ErrorType.MISDIRECTED_REQUEST)
        assert f"'{host.partition(':')[0]}'" in refused["detail"]
        problem(await get_as(api, host, path="/metrics"), 421, ErrorType.MISDIRECTED_REQUEST)
        problem(await get_as(api, host, path="/docs"), 421, ErrorType.MISDIRECTED_REQUEST)
    # Orchestrators ask under any name.
    assert (await get_as(api, "evil.example", path="/livez")).status_code == 200
    assert (await get_as(api, "evil.example", path="/readyz")).status_code == 200


async def test_operators_add_names(serve: Serve) -> None:
    async with serve(API_ALLOWED_HOSTS="api.example.com, *.example.org") as api:
        for host in (
            "api.example.com",
            "API.example.com.:443",
            "a.example.org",
            "a.b.example.org",
            "localhost",
        ):
            assert (await get_as(api, host)).status_code == 200, host
        for host in (
            "example.com",
            "a.api.example.com",
            "example.org",
            "evilexample.org",
            "example.org.evil",
        ):
            problem(await get_as(api, host), 421, ErrorType.MISDIRECTED_REQUEST)


async def test_a_star_stands_for_every_name_but_not_for_none(serve: Serve) -> None:
    async with serve(API_ALLOWED_HOSTS="*") as api:
        assert (await get_as(api, "whatever.example")).status_code == 200
        problem(await get_as(api, "a b"), 400, ErrorType.MALFORMED_REQUEST)


async def test_no_other_origin_may_read_answers(api: Api) -> None:
    answer = await api.client.get("/v1/jobs", headers={"Origin": APP})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    problem(await api.client.options("/v1/jobs", headers=preflight), 405, ErrorType.METHOD_NOT_ALLOWED)


async def test_named_origins_may_and_never_with_cookies(serve: Serve) -> None:
    async with serve(API_CORS_ORIGINS=f"{APP},http://localhost:3000") as api:
        preflight = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        for origin in (APP, "http://localhost:3000"):
            asked = await api.client.options("/v1/jobs", headers={**preflight, "Origin": origin})
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)
            assert "POST" in asked.headers["access-control-allow-methods"]
            answer = await api.client.post("/v1/jobs", json=REQUEST, headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            assert "Location" in answer.headers["access-control-expose-headers"]
            assert "origin" in answer.headers["vary"].lower()
            assert "access-control-allow-credentials" not in {*asked.headers, *answer.headers}
        for origin in ("https://evil.example", f"{APP}.evil.example", "http://app.example.com", "null"):
            asked = await api.client.options("/v1/jobs", headers={**preflight, "Origin": origin})
            answer = await api.client.get("/v1/jobs", headers={"Origin": origin})
            assert "access-control-allow-origin" not in {*asked.headers, *answer.headers}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_CORS_ORIGINS", "*"),
        ("API_CORS_ORIGINS", "null"),
        ("API_CORS_ORIGINS", "https://*.example.com"),
        ("API_CORS_ORIGINS", "https://app.example.com/"),
        ("API_CORS_ORIGINS", "https://app.example.com:443"),
        ("API_CORS_ORIGINS", "https://App.example.com"),
        ("API_ALLOWED_HOSTS", "api.example.com:443"),
        ("API_ALLOWED_HOSTS", "https://api.example.com"),
        ("API_ALLOWED_HOSTS", "*example.com"),
    ],
)
def test_what_would_never_match_or_match_too_much_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RENDERFLEET_{name}", value)
    with pytest.raises(SettingsError, match=f"RENDERFLEET_{name} is wrong"):
        create_app()
