"""One call to the bytes: `POST /v1/screenshot` and `POST /v1/pdf`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import CONTENT, fail, problem
from tests.kit.api.links import StandInWorker

pytest_plugins = ("tests.kit.api.link_fixtures",)

URL = "https://example.com/"
End = Callable[[str], Awaitable[None]]


async def rendered(
    api: Api, fleet: StandInWorker, end: End, path: str = "/v1/screenshot", **call: Any
) -> httpx.Response:
    """The answer to a POST whose job ends meanwhile."""
    call = {"json": {"url": URL}} | call
    before = await fleet.jobs()
    waiting = asyncio.create_task(api.client.post(path, **call))
    await end(await fleet.job(after=before))
    return await waiting


async def test_one_call_answers_with_the_bytes_and_names_its_job(api: Api, fleet: StandInWorker) -> None:
    # Conditions and ranges mean nothing in a POST.
    headers = {"Range": "bytes=0-9", "If-None-Match": "*"}
    answer = await rendered(api, fleet, fleet.succeed, headers=headers)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    job_id = answer.headers["renderfleet-job"]
    assert answer.headers["location"] == f"/v1/jobs/{job_id}"
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'inline; filename="{job_id}.png"'
    assert answer.headers["cache-control"] == "private, no-store"
    job = (await api.client.get(f"/v1/jobs/{job_id}")).json()
    assert (job["status"], job["request"]) == ("succeeded", {"url": URL, "sealed_fields": []})


@pytest.mark.parametrize("given", [{}, {"format": "pdf"}])
async def test_a_pdf_needs_not_say_that_it_is_one(
    api: Api, database: Database, given: dict[str, str]
) -> None:
    answer = await api.client.post("/v1/pdf", json={"url": URL, **given}, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    assert answer.json()["request"]["format"] == "pdf"
    stored = await database.fetchval("SELECT request->>'format' FROM jobs")
    assert stored == "pdf"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/screenshot", {"format": "pdf"}, "format"),
        ("/v1/pdf", {"format": "webp"}, "format"),
        ("/v1/pdf", {"full_page": True}, "full_page"),
        ("/v1/pdf", {"quality": 80}, "quality"),
    ],
)
async def test_an_option_of_the_other_call_is_refused_by_name(
    api: Api, database: Database, path: str, body: dict[str, object], field: str
) -> None:
    document = problem(await api.client.post(path, json={"url": URL, **body}), 422, ErrorType.INVALID_REQUEST)
    assert [error["field"] for error in document["errors"]] == [field]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_job_that_takes_longer_goes_on_and_is_told_of(api: Api) -> None:
    answer = await api.client.post("/v1/screenshot", json={"url": URL}, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.headers["renderfleet-job"] == answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"


async def test_a_job_that_fails_is_its_error(api: Api, fleet: StandInWorker, database: Database) -> None:
    async def end(job_id: str) -> None:
        await fail(database, job_id)

    answer = await rendered(api, fleet, end)
    document = problem(answer, 502, ErrorType.TLS_ERROR)
    assert document["detail"] == "certificate expired"
    job_id = await database.fetchval("SELECT id FROM jobs")
    assert answer.headers["renderfleet-job"] == str(job_id)


async def test_a_job_that_is_cancelled_meanwhile_is_an_error(api: Api, fleet: StandInWorker) -> None:
    async def end(job_id: str) -> None:
        await api.client.delete(f"/v1/jobs/{job_id}")

    problem(await rendered(api, fleet, end, "/v1/pdf"), 409, ErrorType.CANCELLED)


async def test_it_is_the_same_job_as_that_of_a_call_for_jobs(api: Api, fleet: StandInWorker) -> None:
    headers = {"Idempotency-Key": "once"}
    answer = await rendered(api, fleet, fleet.succeed, headers=headers)
    again = await api.client.post("/v1/screenshot", json={"url": URL}, headers=headers)
    assert again.content == CONTENT
    as_job = await api.client.post("/v1/jobs", json={"url": URL}, headers=headers)
    assert as_job.json()["id"] == answer.headers["renderfleet-job"] == again.headers["renderfleet-job"]
    assert await fleet.jobs() == 1


async def test_an_earlier_result_is_reused_if_it_may_be(api: Api, fleet: StandInWorker) -> None:
    first = await rendered(api, fleet, fleet.succeed, json={"url": URL, "cache_ttl_s": 60})
    second = await api.client.post("/v1/screenshot", json={"url": URL, "cache_ttl_s": 60})
    assert (second.content, second.headers["renderfleet-cache"]) == (CONTENT, "hit")
    assert second.headers["renderfleet-job"] == first.headers["renderfleet-job"]


async def test_an_artifact_that_was_erased_is_no_answer(
    api: Api, fleet: StandInWorker, database: Database
) -> None:
    headers = {"Idempotency-Key": "once"}
    await rendered(api, fleet, fleet.succeed, headers=headers)
    await database.execute("UPDATE jobs SET artifact_erased_at = now()")
    again = await api.client.post("/v1/screenshot", json={"url": URL}, headers=headers)
    problem(again, 410, ErrorType.ARTIFACT_EXPIRED)


@pytest.mark.parametrize(
    ("accept", "is_bytes"),
    [
        ("image/*", True),
        ("image/png, application/json;q=0.5", True),
        ("application/json;q=0.1, image/*;q=0.9", True),
        ("*/*", False),
        ("image/*, */*", False),
        ("application/pdf", False),
        ("image/png;q=0", False),
        ("application/json", False),
    ],
)
async def test_a_job_is_answered_with_what_accept_wants_more(
    api: Api, fleet: StandInWorker, *, accept: str, is_bytes: bool
) -> None:
    headers = {"Accept": accept, "Prefer": "wait=30"}
    answer = await rendered(api, fleet, fleet.succeed, "/v1/jobs", headers=headers)
    assert answer.status_code == 200
    assert (answer.content == CONTENT) == is_bytes
    if is_bytes:
        assert answer.headers["location"] == f"/v1/jobs/{answer.headers['renderfleet-job']}"
    else:
        assert answer.json()["status"] == "succeeded"


async def test_a_failed_job_is_its_error_where_bytes_were_wanted(
    api: Api, database: Database, fleet: StandInWorker
) -> None:
    headers = {"Accept": "image/*", "Prefer": "wait=30"}
    answer = await rendered(api, fleet, lambda id_: fail(database, id_), "/v1/jobs", headers=headers)
    problem(answer, 502, ErrorType.TLS_ERROR)
    open_ = await api.client.post("/v1/jobs", json={"url": URL}, headers={"Accept": "image/*"})
    assert (open_.status_code, open_.json()["status"]) == (202, "queued")
