"""What the dashboard answers besides its pages: refusals, errors, files, and the address alone."""

import re
from uuid import uuid4

from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import problem
from tests.kit.api.dashboard import OURS, browser, sign_in


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


async def test_no_page_is_in_the_openapi_document(api: Api) -> None:
    paths = (await api.client.get("/openapi.json")).json()["paths"]
    assert [path for path in paths if path.startswith("/ui")] == []


async def test_a_form_without_end_is_refused(serve: Serve, tenant_key: str) -> None:
    async with serve(API_MAX_BODY_BYTES=1024) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        answer = await client.post("/ui/fleet/pause", data={"reason": "x" * 2000}, headers=OURS)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith("text/html")
