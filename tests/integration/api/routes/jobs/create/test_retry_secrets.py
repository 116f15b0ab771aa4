"""What a retry still knows of the secrets of its job, and what has to be sent again."""

import json
from typing import Any

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.render.sealed import nested
from fleet.vault import Purpose, SecretOwner
from tests.integration.api.conftest import Api
from tests.kit.api.calls import REQUEST, claim, enqueue, fail, problem
from tests.kit.api.retries import PAGE, failed, retry
from tests.kit.data.vaults import VAULT

CREDENTIALS: dict[str, Any] = {
    "headers": {"x-token": "swordfish"},
    "cookies": [{"name": "a", "value": "b"}],
}


async def test_what_the_page_was_made_of_is_rendered_again(api: Api, database: Database) -> None:
    job = await enqueue(api.client, REQUEST)
    for _ in range(2):  # the second time from what the retry has stored
        await fail(database, job["id"])
        answer = await retry(api.client, job["id"])
        assert answer.status_code == 202
        job = answer.json()
        assert job["request"] == {"sealed_fields": ["html"]}
    assert await asked(database, job["id"]) == REQUEST


async def test_what_was_erased_with_the_artifact_cannot_be_rendered_again(
    api: Api, database: Database
) -> None:
    job = await enqueue(api.client, REQUEST)
    await fail(database, job["id"])
    await database.execute("UPDATE jobs SET artifact_erased_at = now()")
    said = problem(await retry(api.client, job["id"]), 409, ErrorType.SECRETS_ERASED)
    assert "`html` was erased with the job's artifact" in said["detail"]
    assert "POST /v1/jobs" in said["detail"]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_credentials_must_be_sent_again(api: Api, database: Database) -> None:
    job = await failed(api, database, **CREDENTIALS)
    path = f"/v1/jobs/{job['id']}/retry"
    said = problem(await api.client.post(path), 409, ErrorType.SECRETS_ERASED)
    assert said["detail"] == (
        "`cookies` and `headers` were erased when the job ended; "
        'send {"cookies": …, "headers": …} again as the body of this call'
    )
    half = {"headers": CREDENTIALS["headers"]}
    said = problem(await api.client.post(path, json=half), 409, ErrorType.SECRETS_ERASED)
    assert "`cookies` was erased" in said["detail"]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    answer = await api.client.post(path, json=CREDENTIALS)
    assert answer.status_code == 202
    assert answer.json()["request"] == job["request"]
    assert await asked(database, answer.json()["id"]) == {**PAGE, **CREDENTIALS}


async def test_the_password_of_a_pdf_is_sent_again_and_its_content_is_kept(
    api: Api, database: Database
) -> None:
    kept = {"landscape": True, "watermark": {"text": "DRAFT"}}
    password = {"user": "swordfish"}
    job = await failed(api, database, format="pdf", pdf={**kept, "password": password})
    assert job["request"]["pdf"] == {"landscape": True}
    assert job["request"]["sealed_fields"] == ["pdf.password", "pdf.watermark"]
    path = f"/v1/jobs/{job['id']}/retry"
    said = problem(await api.client.post(path), 409, ErrorType.SECRETS_ERASED)
    assert 'send {"pdf.password": …} again' in said["detail"]
    answer = await api.client.post(path, json={"pdf.password": {"user": ["swordfish"]}})
    assert problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == "pdf.password.user"
    answer = await api.client.post(path, json={"pdf.password": password})
    assert answer.status_code == 202
    whole = await asked(database, answer.json()["id"])
    assert whole == {**PAGE, "format": "pdf", "pdf": {**kept, "password": password}}


async def test_nothing_else_can_be_sent_and_credentials_are_checked(api: Api, database: Database) -> None:
    job = await failed(api, database, **CREDENTIALS)
    path = f"/v1/jobs/{job['id']}/retry"
    for more, field in (({"priority": 9}, "priority"), ({"proxy": {}}, "proxy"), ({"x" * 999: 1}, "x" * 100)):
        said = problem(await api.client.post(path, json=CREDENTIALS | more), 422, ErrorType.INVALID_REQUEST)
        assert said["errors"][0]["field"] == field
        assert said["errors"][0]["allowed"] == "in the body of this call: cookies, headers"
    wrong = {"cookies": [{"name": "marker"}]}
    answer = await api.client.post(path, json=CREDENTIALS | wrong)
    assert problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == "cookies.0.value"
    assert "marker" not in answer.text
    for body in (b"[]", b"7", b'{"cookies": '):
        answer = await api.client.post(path, content=body, headers={"Content-Type": "application/json"})
        problem(answer, 422, ErrorType.INVALID_REQUEST)
    problem(await api.client.post(path, content=b"{}"), 415, ErrorType.UNSUPPORTED_MEDIA_TYPE)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_key_belongs_to_the_credentials_of_its_call(api: Api, database: Database) -> None:
    job = await failed(api, database, **CREDENTIALS)
    path, keyed = f"/v1/jobs/{job['id']}/retry", {"Idempotency-Key": "k"}
    answers = [await api.client.post(path, json=CREDENTIALS, headers=keyed) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = CREDENTIALS | {"headers": {"X-Token": "another"}}
    problem(await api.client.post(path, json=other, headers=keyed), 422, ErrorType.IDEMPOTENCY_CONFLICT)


async def asked(database: Database, job_id: str) -> dict[str, Any]:
    """What a worker reads as the request of a job, without what has its default."""
    attempt = await claim(database, job_id)
    whole = attempt.request.unseal(VAULT, SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id))
    document: dict[str, Any] = json.loads(nested(whole))
    return document
