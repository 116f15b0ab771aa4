"""Reading and listing jobs, and every address and method that does not exist."""

from uuid import uuid4

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import enqueue, fail, problem


async def test_the_list_is_newest_first_in_pages_that_do_not_shift(api: Api) -> None:
    ids = [(await enqueue(api.client))["id"] for _ in range(5)]
    first = (await api.client.get("/v1/jobs?limit=2")).json()
    await enqueue(api.client)
    seen = [job["id"] for job in first["jobs"]]
    cursor = first["next_cursor"]
    while cursor is not None:
        page = (await api.client.get("/v1/jobs", params={"limit": 2, "cursor": cursor})).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]


async def test_the_list_filters_by_status(api: Api, database: Database) -> None:
    ended = await enqueue(api.client)
    open_job = await enqueue(api.client)
    await fail(database, ended["id"])
    for status, expected in (("failed", [ended["id"]]), ("queued", [open_job["id"]]), ("cancelled", [])):
        found = (await api.client.get("/v1/jobs", params={"status": status})).json()
        assert [job["id"] for job in found["jobs"]] == expected


async def test_a_wrong_parameter_is_refused_by_name(api: Api) -> None:
    wrong = {
        "stat": ("failed",),
        "status": ("lost",),
        "limit": ("0", "101", "x"),
        "cursor": ("!", "AAAA", "x" * 101),
    }
    for field, values in wrong.items():
        for value in values:
            answer = await api.client.get("/v1/jobs", params={field: value})
            document = problem(answer, 422, ErrorType.INVALID_REQUEST)
            assert [error["field"] for error in document["errors"]] == [field]
            assert value == "x" or document["errors"][0]["allowed"]


async def test_a_wrong_wait_is_refused(api: Api) -> None:
    job = await enqueue(api.client)
    for query in ("wait=61", "wait=-1", "wait=soon", "wiat=5"):
        problem(await api.client.get(f"{job['links']['self']}?{query}"), 422, ErrorType.INVALID_REQUEST)


async def test_a_post_takes_no_parameters(api: Api) -> None:
    answer = await api.client.post("/v1/jobs?wait=5", json={"html": "x"})
    problem(answer, 422, ErrorType.INVALID_REQUEST)


async def test_an_id_of_nothing_and_an_unknown_path_are_not_found(api: Api) -> None:
    jobs = ("0", "x" * 5000, "..%2Fjobs", str(uuid4()))
    for path in ("/v1", "/v1/jobs/", "/v2/jobs", "/v1/jobs/1/2/3", *(f"/v1/jobs/{job}" for job in jobs)):
        problem(await api.client.get(path), 404, ErrorType.NOT_FOUND)


async def test_another_method_is_refused_with_those_allowed(api: Api) -> None:
    for method, path, allowed in (
        ("DELETE", "/v1/jobs", "GET, POST"),
        ("PUT", f"/v1/jobs/{uuid4()}", "GET, PATCH, DELETE"),
        ("POST", f"/v1/jobs/{uuid4()}/artifact", "GET, HEAD, DELETE"),
        ("POST", "/livez", "GET, HEAD"),
    ):
        answer = await api.client.request(method, path)
        problem(answer, 405, ErrorType.METHOD_NOT_ALLOWED)
        assert answer.headers["allow"] == allowed


async def test_a_request_id_is_taken_over_when_it_is_one(api: Api) -> None:
    answer = await api.client.get("/livez", headers={"X-Request-Id": "from-the-proxy.1"})
    assert answer.headers["x-request-id"] == "from-the-proxy.1"
    answer = await api.client.get("/livez", headers={"X-Request-Id": "no id, <script>"})
    assert "script" not in answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_unexpected_error_is_logged_once_and_told_without_details(
    serve: Serve, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve() as api:
        await database.execute("ALTER TABLE jobs RENAME COLUMN warnings TO renamed")
        answer = await api.client.get("/v1/jobs")
    document = problem(answer, 500, ErrorType.INTERNAL_ERROR)
    assert "renamed" not in answer.text
    assert "warnings" not in answer.text
    log = capfd.readouterr().err
    assert log.count("Traceback") == 1
    assert document["request_id"] in log
