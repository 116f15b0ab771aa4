"""The calls of schedules as their users make them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.queue.arq_adapter import QUEUE
from fleet.schedules import schedule as schedules
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope, Tenant
from tests.integration.api.conftest import Api
from tests.kit.api.calls import problem

SCHEDULE: dict[str, Any] = {
    "name": "prices",
    "cron": "0 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "job": {"url": "https://example.com/prices", "format": "webp"},
    "deliver": "when_changed",
    "compare": {"method": "perceptual"},
}


async def create(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    answer = await client.post("/v1/schedules", json=SCHEDULE | changes)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == document["links"]["self"]
    return document


async def test_a_schedule_is_made_read_changed_and_deleted(api: Api) -> None:
    made = await create(api.client)
    path = made["links"]["self"]
    assert {name: made[name] for name in SCHEDULE} == SCHEDULE | {
        "compare": {
            "method": "perceptual",
            "threshold": 10.0,
            "ignore_regions": [],
            "ignore_selectors": [],
        }
    }
    assert (made["enabled"], made["last_fired_at"], made["last_job_id"], made["last_error"]) == (
        True,
        None,
        None,
        None,
    )
    assert (await api.client.get(path)).json() == made

    other = {"cron": "@daily", "job": {"html": "<p>x</p>", "format": "pdf"}, "enabled": False}
    replaced = (await api.client.put(path, json=other)).json()
    assert replaced["id"] == made["id"]
    assert (replaced["job"], replaced["sealed_fields"]) == ({"format": "pdf"}, ["html"])
    assert (replaced["name"], replaced["timezone"], replaced["deliver"], replaced["compare"]) == (
        None,
        "UTC",
        "always",
        None,
    )
    assert replaced["next_fires"] == []
    enabled = (await api.client.patch(path, json={"enabled": True})).json()
    assert [fire[11:16] for fire in enabled["next_fires"]] == ["00:00"] * 3

    answer = await api.client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(await api.client.get(path), 404, ErrorType.NOT_FOUND)


async def test_the_next_times_are_those_of_the_zone(api: Api) -> None:
    made = await create(api.client, cron="30 9 * * *", timezone="America/New_York")
    fires = [datetime.fromisoformat(fire) for fire in made["next_fires"]]
    assert all((fire.minute, fire.utcoffset()) == (30, timedelta(0)) for fire in fires)
    assert {fire.hour for fire in fires} <= {13, 14}
    assert datetime.now(UTC) < fires[0] < fires[1] < fires[2]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"cron": "0 0 30 2 *"}, "cron", "never comes"),
        ({"cron": "0 25 * * *"}, "cron", "wrong hour (field 2)"),
        ({"cron": "* * * * * *"}, "cron", "6 fields instead of 5"),
        ({"cron": "x" * 101}, "cron", "at most 100"),
        ({"timezone": "Europe/Berln"}, "timezone", "did you mean `Europe/Berlin`"),
        ({"job": {"html": "x", "run_at": "2026-01-01T00:00:00Z"}}, "job.run_at", "cron"),
        ({"job": {"html": "x", "widht": 1}}, "job.widht", "not known"),
        ({"job": {}}, "job.url", "exactly one of"),
        ({"job": {"html": "x", "format": "pdf"}}, "job.format", "cannot be compared"),
        ({"compare": {"threshold": 1.5}}, "compare.threshold", "every picture"),
        ({"compare": {"method": "guess"}}, "compare.method", "must be visible, pixels or perceptual"),
        ({"compare": {"ignore_selectors": [""]}}, "compare.ignore_selectors.0", "1 to 1,000 characters"),
        (
            {"compare": {"ignore_regions": [{"x": 0, "y": 0, "width": 0, "height": 9}]}},
            "compare.ignore_regions.0.width",
            "1",
        ),
        ({"deliver": "always"}, "compare", "when_changed"),
        ({"zone": "UTC"}, "zone", "not known"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, change: dict[str, object], field: str, words: str) -> None:
    answer = await api.client.post("/v1/schedules", json=SCHEDULE | change)
    [finding] = problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"]
    assert finding["field"] == field
    assert words in finding["message"]


async def test_a_private_address_is_refused_in_a_template_too(api: Api) -> None:
    for job in ({"url": "http://10.0.0.1/"}, {"html": "x", "webhook_url": "http://10.0.0.1/"}):
        problem(
            await api.client.post("/v1/schedules", json=SCHEDULE | {"job": job}), 422, ErrorType.URL_BLOCKED
        )


async def test_schedules_of_others_do_not_exist(api: Api, database: Database) -> None:
    path = (await create(api.client))["links"]["self"]
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="other", key_name="k", scopes=frozenset(Scope))
    headers = {"Authorization": f"Bearer {key}"}
    for method, body in (("GET", None), ("PUT", SCHEDULE), ("PATCH", {"enabled": False}), ("DELETE", None)):
        answer = await api.client.request(method, path, json=body, headers=headers)
        problem(answer, 404, ErrorType.NOT_FOUND)
        unknown = f"/v1/schedules/{uuid4()}"
        problem(await api.client.request(method, unknown, json=body), 404, ErrorType.NOT_FOUND)
    assert (await api.client.get("/v1/schedules", headers=headers)).json()["schedules"] == []
    assert (await api.client.get(path)).json()["enabled"] is True


async def test_reading_needs_the_scope_read_and_changing_the_scope_render(
    api: Api, database: Database
) -> None:
    path = (await create(api.client))["links"]["self"]
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="tests", key_name="r", scopes=frozenset({Scope.READ}))
    headers = {"Authorization": f"Bearer {key}"}
    for readable in (path, "/v1/schedules"):
        assert (await api.client.get(readable, headers=headers)).status_code == 200
    for method, target in (("POST", "/v1/schedules"), ("PUT", path), ("PATCH", path), ("DELETE", path)):
        answer = await api.client.request(method, target, json=SCHEDULE, headers=headers)
        problem(answer, 403, ErrorType.FORBIDDEN)


async def test_the_list_is_newest_first_in_pages_without_long_templates(api: Api) -> None:
    ids = [(await create(api.client, name=str(number)))["id"] for number in range(4)]
    template = {"url": f"https://example.com/{'x' * 5000}"}
    long = await create(api.client, job=template)
    assert long["job"] == template
    first = (await api.client.get("/v1/schedules?limit=3")).json()
    rest = (await api.client.get(f"/v1/schedules?cursor={first['next_cursor']}")).json()
    listed = first["schedules"] + rest["schedules"]
    assert [schedule["id"] for schedule in listed] == [long["id"], *reversed(ids)]
    assert [schedule["job"] for schedule in listed] == [None] + [SCHEDULE["job"]] * 4
    assert rest["next_cursor"] is None
    problem(await api.client.get("/v1/schedules?cursor=x"), 422, ErrorType.INVALID_REQUEST)
    problem(await api.client.get("/v1/schedules?status=x"), 422, ErrorType.INVALID_REQUEST)


async def test_a_tenant_may_have_a_thousand(api: Api, database: Database, tenant: Tenant) -> None:
    made = await create(api.client)
    await database.execute(
        "INSERT INTO schedules (id, tenant_id, cron, timezone, request, deliver, enabled) "
        "SELECT gen_random_uuid(), $1, '@daily', 'UTC', '{}', 'always', false FROM generate_series(1, $2)",
        tenant.id,
        schedules.MAX_SCHEDULES_OF_TENANT - 1,
    )
    answer = await api.client.post("/v1/schedules", json=SCHEDULE)
    assert "1,000" in problem(answer, 409, ErrorType.TOO_MANY_SCHEDULES)["detail"]
    await api.client.delete(made["links"]["self"])
    await create(api.client)


async def test_the_jobs_of_a_schedule_are_a_list(api: Api, database: Database, tenant: Tenant) -> None:
    made = await create(api.client)
    await api.client.post("/v1/jobs", json={"html": "x"})
    await database.execute(
        "INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, schedule_id, scheduled_for) "
        "SELECT gen_random_uuid(), $1, '{}', '', 3, $2, now() + n * interval '1 h' "
        "FROM generate_series(1, 3) AS n",
        tenant.id,
        made["id"],
    )
    for query, count in (("", 3), ("&status=queued", 3), ("&status=failed", 0), ("&limit=2", 2)):
        found = (await api.client.get(made["links"]["jobs"] + query)).json()["jobs"]
        assert [job["schedule_id"] for job in found] == [made["id"]] * count
    problem(await api.client.get("/v1/jobs?schedule_id=x"), 422, ErrorType.INVALID_REQUEST)
    assert (await api.client.get(f"/v1/jobs?schedule_id={uuid4()}")).json()["jobs"] == []


async def test_a_schedule_is_run_now_and_keeps_its_times(api: Api) -> None:
    made = await create(api.client, enabled=False)
    answer = await api.client.post(f"{made['links']['self']}/run")
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, job["links"]["self"]), answer.text
    assert (job["schedule_id"], job["status"], job["request"]["format"]) == (made["id"], "queued", "webp")
    after = (await api.client.get(made["links"]["self"])).json()
    assert (after["last_job_id"], after["enabled"], after["last_fired_at"]) == (job["id"], False, None)
    assert await api.dependencies.redis.zcard(QUEUE) == 1
    again = (await api.client.post(f"{made['links']['self']}/run")).json()
    assert again["id"] != job["id"]
    waited = await api.client.post(f"{made['links']['self']}/run", headers={"Prefer": "wait=0"})
    assert waited.headers["preference-applied"] == "wait=0"


async def test_a_run_counts_against_the_limits_of_jobs(api: Api, database: Database, tenant: Tenant) -> None:
    made = await create(api.client)
    await database.execute("UPDATE tenants SET max_queued = 1 WHERE id = $1", tenant.id)
    api.dependencies.forget_keys()
    assert (await api.client.post(f"{made['links']['self']}/run")).status_code == 202
    refused = await api.client.post(f"{made['links']['self']}/run")
    problem(refused, 429, ErrorType.QUOTA_EXCEEDED)


async def test_the_contract_shows_schedules(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    assert {"get", "post"} == set(document["paths"]["/v1/schedules"])
    assert {"get", "put", "patch", "delete"} == set(document["paths"]["/v1/schedules/{schedule_id}"])
    assert set(document["paths"]["/v1/schedules/{schedule_id}/run"]) == {"post"}
    assert "cron" in document["components"]["schemas"]["ScheduleRequest"]["properties"]
