"""What a tenant and an operator are told of the past."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.history import record
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue, fail, problem


@pytest.fixture(autouse=True)
async def two_ended(api: Api, database: Database) -> datetime:
    """A job that failed and one that was cancelled, both eight minutes ago; the rest is long counted."""
    await fail(database, (await enqueue(api.client))["id"])
    await api.client.delete(f"/v1/jobs/{(await enqueue(api.client))['id']}")
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    await database.execute(
        "UPDATE history_progress SET counted_until = $1, summed_until = date_trunc('hour', $1::timestamptz)",
        minute - timedelta(hours=1),
    )
    await database.execute("UPDATE jobs SET finished_at = $1", minute - timedelta(minutes=8))
    await record.sample_fleet(database)
    while await record.count_ended(database, settling=timedelta()) is not None:
        pass
    return minute - timedelta(minutes=8)


async def asked(api: Api, path: str, key: str | None = None, **parameters: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = await api.client.get(path, params={**parameters}, headers=headers)  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def stranger(database: Database) -> str:
    async with database.connection() as connection:
        return await create_key(
            connection, tenant_name="other", key_name="x", scopes=frozenset({Scope.READ, Scope.ADMIN})
        )


async def test_the_last_six_hours_are_told_minute_by_minute(api: Api, two_ended: datetime) -> None:
    told = await asked(api, "/v1/history")
    assert (told["step_s"], len(told["points"])) == (60, 360)
    assert told["until"] == told["counted_until"]
    (point,) = [one for one in told["points"] if any(one["ended"].values())]
    assert datetime.fromisoformat(point["at"]) == two_ended
    assert point["ended"] == {"succeeded": 0, "failed": 1, "cancelled": 1, "expired": 0}
    assert point["errors"] == {"tls_error": 1}
    assert point["total_ms"] == {"p50": None, "p95": None}


async def test_another_tenant_sees_nothing_of_it_and_an_operator_sees_all_or_one(
    api: Api, database: Database, tenant_id: UUID
) -> None:
    key = await stranger(database)
    parameters = {"step_s": 86_400}

    def failed(document: dict[str, Any]) -> int:
        return sum(point["ended"]["failed"] for point in document["points"])

    assert failed(await asked(api, "/v1/history", key, **parameters)) == 0
    assert failed(await asked(api, "/v1/fleet/history", key, **parameters)) == 1
    assert failed(await asked(api, "/v1/fleet/history", key, **parameters, tenant_id=tenant_id)) == 1
    own = (await asked(api, "/v1/me", key))["tenant"]["id"]
    assert failed(await asked(api, "/v1/fleet/history", key, **parameters, tenant_id=own)) == 0


async def test_the_fleet_is_told_where_a_worker_has_looked(api: Api, database: Database) -> None:
    await database.execute("UPDATE history_fleet SET minute = minute - interval '3 minutes'")
    told = await asked(api, "/v1/fleet/history")
    (point,) = told["fleet"]
    assert (point["queued"], point["workers"], point["memory_bytes"]) == (0, 0, {})


async def test_steps_begin_where_they_are_asked_to(api: Api, two_ended: datetime) -> None:
    since = two_ended - timedelta(minutes=2, seconds=-30)  # within a minute
    until = (two_ended + timedelta(minutes=2)).isoformat()
    told = await asked(api, "/v1/history", since=since.isoformat(), until=until, step_s=180)
    assert datetime.fromisoformat(told["since"]) == two_ended - timedelta(minutes=2)
    assert [sum(point["ended"].values()) for point in told["points"]] == [2, 0]


@pytest.mark.parametrize(
    ("since", "points"),
    [
        ("0001-01-01T00:00:00+14:00", {360, 361}),
        ("9999-12-31T23:59:59-14:00", {0}),
        ("2001-01-01T00:00:00Z", {360, 361}),
    ],
)
async def test_times_without_figures_are_left_out(api: Api, since: str, points: set[int]) -> None:
    assert len((await asked(api, "/v1/history", since=since))["points"]) in points


@pytest.mark.parametrize("step_s", [0, 59, 90, 86_460])
async def test_a_step_is_whole_minutes(api: Api, step_s: int) -> None:
    answer = await api.client.get("/v1/history", params={"step_s": step_s})
    assert problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == "step_s"


async def test_too_many_points_are_refused_with_a_step_that_is_not(api: Api) -> None:
    month = {"since": "2001-01-01T00:00:00Z"}
    answer = await api.client.get("/v1/history", params={**month, "step_s": 60})
    allowed = problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"][0]["allowed"]
    assert len((await asked(api, "/v1/history", **month, step_s=int(allowed.split()[0])))["points"]) == 1490


async def test_a_key_without_admin_learns_nothing_of_the_fleet(api: Api, database: Database) -> None:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="x", key_name="x", scopes=frozenset({Scope.READ}))
    headers = {"Authorization": f"Bearer {key}"}
    problem(await api.client.get("/v1/fleet/history", headers=headers), 403, ErrorType.FORBIDDEN)
