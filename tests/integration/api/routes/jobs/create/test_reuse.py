"""`cache_ttl_s` of POST /v1/jobs: what was rendered lately is the answer, and nothing else is."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.queue.entry import QueuedJob
from fleet.schedules.fire import fire_due
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import REQUEST, enqueue, problem, succeed
from tests.kit.api.links import made_key
from tests.kit.data.vaults import VAULT

CACHED = {**REQUEST, "cache_ttl_s": 60}
HOUR_S = 3600


@pytest.fixture
async def rendered(api: Api, database: Database, artifacts: Artifacts, tmp_path: Any) -> str:
    """The id of a job that has rendered REQUEST."""
    job = await enqueue(api.client)
    await succeed(database, artifacts, tmp_path, job["id"])
    return str(job["id"])


def is_hit(answer: httpx.Response, job_id: str) -> bool:
    return (answer.status_code, answer.headers.get("renderfleet-cache"), answer.json()["id"]) == (
        200,
        "hit",
        job_id,
    )


async def test_an_equal_request_is_answered_with_the_earlier_job(
    api: Api, database: Database, rendered: str
) -> None:
    same = {**CACHED, "viewport": {"width": 1280, "height": 720}, "priority": 9, "external_id": "mine"}
    for request in (CACHED, same):
        answer = await api.client.post("/v1/jobs", json=request, headers={"Prefer": "wait=5"})
        assert is_hit(answer, rendered), answer.text
        assert answer.headers["location"] == f"/v1/jobs/{rendered}"
        assert answer.json()["artifact"]["url"]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    metrics = (await api.client.get("/metrics")).text
    assert 'renderfleet_cache_lookups_total{asked_by="job",outcome="artifact"}' in metrics


async def test_another_request_tenant_or_time_is_a_new_job(
    api: Api, database: Database, rendered: str
) -> None:
    for request in (REQUEST, {**CACHED, "full_page": True}, {**CACHED, "timeout_ms": 1000}):
        answer = await api.client.post("/v1/jobs", json=request)
        assert (answer.status_code, answer.json()["id"] == rendered) == (202, False)
    stranger = await made_key(database, Scope.RENDER, tenant_name="strangers")
    headers = {"Authorization": f"Bearer {stranger.api_key}"}
    assert (await api.client.post("/v1/jobs", json=CACHED, headers=headers)).status_code == 202
    await database.execute(
        "UPDATE jobs SET finished_at = finished_at - interval '61 s' WHERE id = $1", UUID(rendered)
    )
    assert (await api.client.post("/v1/jobs", json=CACHED)).status_code == 202
    assert is_hit(await api.client.post("/v1/jobs", json={**CACHED, "cache_ttl_s": 120}), rendered)


async def test_what_is_answered_again_is_kept_for_as_long_as_was_asked(
    api: Api, database: Database, rendered: str
) -> None:
    left = "SELECT extract(epoch FROM erase_at - now())::integer FROM jobs"
    await database.execute("UPDATE jobs SET erase_at = now() + interval '10 s'")
    assert is_hit(await api.client.post("/v1/jobs", json={**CACHED, "retention_s": HOUR_S}), rendered)
    assert HOUR_S - 60 < await database.fetchval(left) <= HOUR_S
    assert is_hit(await api.client.post("/v1/jobs", json={**CACHED, "retention_s": 5}), rendered)
    assert HOUR_S - 60 < await database.fetchval(left) <= HOUR_S
    await database.execute("UPDATE jobs SET artifact_erased_at = now()")
    assert (await api.client.post("/v1/jobs", json=CACHED)).status_code == 202


async def test_an_idempotency_key_comes_before_the_cache(api: Api, rendered: str) -> None:
    key = {"Idempotency-Key": "k"}
    own = await enqueue(api.client, **key)
    answer = await api.client.post("/v1/jobs", json=CACHED, headers=key)
    problem(answer, 422, ErrorType.IDEMPOTENCY_CONFLICT)
    assert (await api.client.post("/v1/jobs", json=REQUEST, headers=key)).json()["id"] == own["id"]
    assert is_hit(await api.client.post("/v1/jobs", json=CACHED, headers={"Idempotency-Key": "l"}), rendered)


async def test_jobs_of_a_batch_and_jobs_run_anew_are_found(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Any
) -> None:
    batch = await api.client.post("/v1/jobs/batch", json={"jobs": [{"url": "https://example.com/"}]})
    job_id = batch.json()["jobs"][0]["job"]["id"]
    await api.client.delete(f"/v1/jobs/{job_id}")
    retried = (await api.client.post(f"/v1/jobs/{job_id}/retry")).json()["id"]
    await succeed(database, artifacts, tmp_path, retried)
    answer = await api.client.post("/v1/jobs", json={"url": "https://example.com", "cache_ttl_s": 60})
    assert is_hit(answer, retried)


async def test_a_job_of_a_schedule_is_no_answer(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Any
) -> None:
    await api.client.post("/v1/schedules", json={"cron": "@hourly", "job": REQUEST})
    await database.execute("UPDATE schedules SET next_fire_at = now()")
    [fired] = await fire_due(database, VAULT, AddressPolicy(), max_queued=0, limit=1)
    assert isinstance(fired.result, QueuedJob)
    await succeed(database, artifacts, tmp_path, str(fired.result.entry.job_id))
    assert (await api.client.post("/v1/jobs", json=CACHED)).status_code == 202


async def test_where_nothing_can_be_answered_at_once_it_is_refused(api: Api) -> None:
    later = {**CACHED, "run_at": "2999-01-01T00:00:00Z"}
    for request in ({**CACHED, "webhook_url": "https://example.com/"}, later, {**CACHED, "cache_ttl_s": -1}):
        problem(await api.client.post("/v1/jobs", json=request), 422, ErrorType.INVALID_REQUEST)
    batch = (await api.client.post("/v1/jobs/batch", json={"jobs": [CACHED, REQUEST]})).json()["jobs"]
    assert [item["status"] for item in batch] == [422, 202]
    assert batch[0]["error"]["errors"][0]["field"] == "cache_ttl_s"
    schedule = await api.client.post("/v1/schedules", json={"cron": "@daily", "job": CACHED})
    assert problem(schedule, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == "job.cache_ttl_s"
