"""The attempts of a job, as its owner reads them."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.attempts.claim import claim as claim_entry
from fleet.jobs.job import State
from fleet.queue.entry import QueueEntry
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue, problem


async def begun(database: Database, job_id: str, dispatch: int) -> tuple[JobAttempt, UUID]:
    """The next attempt of a job, and its worker."""
    worker_id = uuid4()
    entry = QueueEntry(UUID(job_id), dispatch)
    attempt = await claim_entry(database, entry, worker_id=worker_id, lease=timedelta(minutes=1))
    assert attempt is not None
    return attempt, worker_id


async def test_each_attempt_is_told_with_worker_times_and_error(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    path = f"/v1/jobs/{job['id']}/attempts"
    assert (await api.client.get(path)).json() == {"attempts": []}
    first, worker = await begun(database, job["id"], 1)
    [running] = (await api.client.get(path)).json()["attempts"]
    assert (running["attempt"], running["outcome"], running["worker_id"]) == (1, None, str(worker))
    assert (running["finished_at"], running["duration_ms"], running["error"]) == (None, None, None)

    put_back = await attempts.requeue_failed(
        database,
        first,
        delay=timedelta(0),
        is_crash=False,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="the store does not answer",
    )
    assert put_back is not None
    second, _ = await begun(database, job["id"], 2)
    assert await attempts.hand_back(database, second) is not None
    third, worker = await begun(database, job["id"], 3)
    detail = "certificate expired"
    outcome = AttemptOutcome(
        State.FAILED, browser_generation=4, error_type=ErrorType.TLS_ERROR, error_detail=detail
    )
    assert await attempts.finish(database, third, outcome)

    told = (await api.client.get(path)).json()["attempts"]
    assert [(one["attempt"], one["outcome"]) for one in told] == [
        (1, "retried"),
        (2, "handed_back"),
        (3, "failed"),
    ]
    assert [one["error"] and (one["error"]["type"], one["error"]["detail"]) for one in told] == [
        ("storage_unavailable", "the store does not answer"),
        None,
        ("tls_error", detail),
    ]
    assert (told[2]["worker_id"], told[2]["browser_generation"]) == (str(worker), 4)
    for one in told:
        took = datetime.fromisoformat(one["finished_at"]) - datetime.fromisoformat(one["started_at"])
        assert one["duration_ms"] == round(took / timedelta(milliseconds=1), 1)
    assert told[0]["started_at"] == running["started_at"]


async def test_the_attempts_of_others_are_not_told(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="o", key_name="o", scopes=frozenset({Scope.READ}))
    headers = {"Authorization": f"Bearer {key}"}
    answer = await api.client.get(f"/v1/jobs/{job['id']}/attempts", headers=headers)
    problem(answer, 404, ErrorType.NOT_FOUND)
