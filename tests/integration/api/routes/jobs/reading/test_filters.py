"""Lists of jobs with filters: each finds its jobs, ended or open, and pages do not shift."""

import asyncio
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue, fail, problem


async def found(api: Api, **filters: str) -> list[str]:
    """The ids that a list with these filters has on all its pages, each of two jobs."""
    ids: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await api.client.get("/v1/jobs", params={"limit": 2, **filters, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [job["id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize(
    ("filters", "request_of_it"),
    [
        ({"host": "example.com"}, {"url": "https://EXAMPLE.com:443/path?q=1#f"}),
        ({"host": "Bücher.example.com"}, {"url": "http://bücher.example.com"}),
        ({"host": "[2606:4700::1111]"}, {"url": "http://[2606:4700:0::1111]:80/"}),
        ({"format": "pdf"}, {"html": "x", "format": "pdf"}),
        ({"format": "png"}, {"html": "x"}),
        ({"external_id": "order 7 & more"}, {"html": "x", "external_id": "order 7 & more"}),
    ],
)
async def test_what_a_job_was_asked_finds_it_open_and_ended(
    api: Api, database: Database, filters: dict[str, str], request_of_it: dict[str, object]
) -> None:
    other = {"url": "https://sub.example.com/example.com", "format": "webp", "external_id": "order 7"}
    ids = []
    for number in range(6):
        await enqueue(api.client, other)
        ids.append((await enqueue(api.client, request_of_it))["id"])
        if number % 2:
            await fail(database, ids[-1])
    assert await found(api, **filters) == ids[::-1]
    assert await found(api, **filters, status="failed") == ids[5::-2]
    assert await found(api, **filters, status="queued") == ids[4::-2]
    assert await found(api, **filters, status="running") == []


async def test_an_error_finds_jobs_also_one_that_follows_from_the_status(
    api: Api, database: Database
) -> None:
    failed, cancelled, _ = [(await enqueue(api.client))["id"] for _ in range(3)]
    await fail(database, failed)
    await api.client.delete(f"/v1/jobs/{cancelled}")
    assert await found(api, error_type="tls_error") == [failed]
    assert await found(api, error_type="cancelled") == [cancelled]
    assert await found(api, error_type="cancelled", status="failed") == []
    assert await found(api, error_type="worker_lost") == []


async def test_times_are_those_at_which_jobs_were_accepted(api: Api) -> None:
    ids = []
    for _ in range(3):
        ids.append((await enqueue(api.client))["id"])
        await asyncio.sleep(0.002)  # their times have milliseconds
    moments = [(UUID(id_).int >> 80) / 1000 for id_ in ids]
    second = str(moments[1])
    assert await found(api, since=second) == [ids[2], ids[1]]
    assert await found(api, until=second) == [ids[0]]
    assert await found(api, since=second, until=str(moments[2])) == [ids[1]]
    assert await found(api, since="9999-12-31T23:59:59Z") == []
    assert await found(api, until="0001-01-01T14:00:00+14:00") == []
    assert await found(api, since="0001-01-01T14:00:00+14:00", host="example.com") == []


async def test_all_of_several_filters_apply_and_to_own_jobs_only(api: Api, database: Database) -> None:
    page = {"url": "https://example.com/"}
    wanted = await enqueue(api.client, page | {"format": "pdf", "external_id": "a"})
    for other in ({"format": "pdf"}, {"external_id": "a"}):
        await enqueue(api.client, page | other)
    filters = {"host": "example.com", "format": "pdf", "external_id": "a"}
    assert await found(api, **filters) == [wanted["id"]]
    await database.execute("INSERT INTO tenants (id, name) VALUES ($1, 'other')", UUID(int=1))
    await database.execute("UPDATE jobs SET tenant_id = $1", UUID(int=1))
    assert await found(api, **filters) == []


async def test_pages_go_on_where_they_were_when_jobs_end_and_come(api: Api, database: Database) -> None:
    ids = [(await enqueue(api.client, {"url": "https://example.com/"}))["id"] for _ in range(5)]
    query = "/v1/jobs?limit=2&host=example.com"
    first = (await api.client.get(query)).json()
    for id_ in (ids[1], ids[4]):
        await fail(database, id_)
    await enqueue(api.client, {"url": "https://example.com/"})
    rest = (await api.client.get(f"{query}&limit=100&cursor={first['next_cursor']}")).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1]


async def test_a_filter_that_makes_no_sense_is_refused_by_name(api: Api) -> None:
    for field, value in (
        ("host", "https://example.com/"),
        ("host", "example.com/path"),
        ("host", "me@example.com"),
        ("host", "example.com:8080"),
        ("host", ""),
        ("external_id", "a\nb"),
        ("error_type", "bad_luck"),
        ("format", "gif"),
        ("since", "2026-01-31T12:00:00"),
        ("until", "yesterday"),
        ("schedule_id", "x"),
    ):
        answer = await api.client.get(f"/v1/jobs?{field}={quote(value)}")
        document = problem(answer, 422, ErrorType.INVALID_REQUEST)
        assert [error["field"] for error in document["errors"]] == [field], value
