"""Jobs whose PDFs another job asks for: each that cannot be used is refused with its own sentence."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from fleet.artifacts.keys import artifact_key
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.facts import ArtifactFacts
from fleet.jobs.files.own_pdfs import ERASED, MAX_MERGED_BYTES, UnusableJobError
from fleet.jobs.job import State
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import claim, enqueue, fail, problem, succeed
from worker.attempts.own_pdfs import OwnPdfs
from worker.maintenance.eraser import Eraser

PAGE = {"html": "x", "format": "pdf"}
PDF = b"%PDF-1.7 of a job"


async def printed(
    api: Api, database: Database, artifacts: Artifacts, folder: Path, size_bytes: int = 0
) -> str:
    """A job that has succeeded with a PDF; returns its id."""
    job = await enqueue(api.client, PAGE)
    claimed = await claim(database, job["id"])
    key = artifact_key(claimed.tenant_id, claimed.job_id, claimed.attempt, claimed.created_at, "pdf")
    path = folder / "artifact.pdf"
    path.write_bytes(PDF)
    await artifacts.upload(path, key, content_type="application/pdf")
    digest = hashlib.sha256(PDF).hexdigest()
    facts = ArtifactFacts("application/pdf", size_bytes=size_bytes or len(PDF), sha256=digest, pages=1)
    outcome = AttemptOutcome(State.SUCCEEDED, artifact_key=key, artifact=facts)
    assert await attempts.finish(database, claimed, outcome)
    return str(job["id"])


async def refusal(api: Api, **pdf: Any) -> dict[str, Any]:
    answer = await api.client.post("/v1/jobs", json={**PAGE, "pdf": pdf})
    (error,) = problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"]
    assert isinstance(error, dict)
    return error


async def test_what_a_job_has_printed_can_be_used_and_is_read(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    job_id = await printed(api, database, artifacts, tmp_path)
    job = await enqueue(api.client, {**PAGE, "pdf": {"prepend": [job_id], "append": [{"job": job_id}]}})
    claimed = await claim(database, job["id"])
    path = tmp_path / "read"
    await OwnPdfs(database, artifacts).fetch(claimed.tenant_id, {UUID(job_id): path})
    assert path.read_bytes() == PDF
    await artifacts.delete(
        await database.fetchval("SELECT artifact_key FROM jobs WHERE id = $1", UUID(job_id))
    )
    with pytest.raises(UnusableJobError) as caught:
        await OwnPdfs(database, artifacts).fetch(claimed.tenant_id, {UUID(job_id): path})
    assert str(caught.value) == ERASED
    with pytest.raises(UnusableJobError):
        await OwnPdfs(database, artifacts).fetch(uuid4(), {UUID(job_id): path})


async def test_each_job_that_cannot_be_used_has_its_own_sentence(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    good = await printed(api, database, artifacts, tmp_path)
    unknown = str(uuid4())
    assert await refusal(api, prepend=[good, unknown]) == {
        "field": "pdf.prepend.1.job",
        "message": "is not the id of a job of yours",
        "allowed": None,
    }
    picture, open_, failed = [await enqueue(api.client) for _ in range(3)]
    await succeed(database, artifacts, tmp_path, picture["id"])
    await fail(database, failed["id"])
    sentences = {
        open_["id"]: "is a job that has not ended; wait until it has succeeded",
        failed["id"]: "is a job that ended as failed, without a pdf",
        picture["id"]: "is a job that made image/png, not a pdf",
    }
    for job_id, sentence in sentences.items():
        error = await refusal(api, watermark={"pdf": job_id})
        assert (error["field"], error["message"]) == ("pdf.watermark.pdf.job", sentence)


async def test_a_job_of_another_tenant_is_not_told_from_one_that_does_not_exist(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    job_id = await printed(api, database, artifacts, tmp_path)
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="others", key_name="k", scopes=frozenset({Scope.RENDER})
        )
    headers = {"Authorization": f"Bearer {key}"}
    body = {**PAGE, "pdf": {"append": [{"job": job_id}]}}
    answer = await api.client.post("/v1/jobs", json=body, headers=headers)
    (error,) = problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"]
    assert (error["field"], error["message"]) == ("pdf.append.0.job", "is not the id of a job of yours")


async def test_a_pdf_that_was_erased_cannot_be_used(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    job_id = await printed(api, database, artifacts, tmp_path)
    await database.execute("UPDATE jobs SET erase_at = now() WHERE id = $1", UUID(job_id))
    await Eraser(database, artifacts, history=timedelta(days=1)).erase()
    error = await refusal(api, append=[job_id])
    assert error["message"] == "is a job whose pdf was erased"


async def test_a_retry_looks_too(api: Api, database: Database, artifacts: Artifacts, tmp_path: Path) -> None:
    used = await printed(api, database, artifacts, tmp_path)
    job = await enqueue(api.client, {**PAGE, "pdf": {"append": [used]}})
    await fail(database, job["id"])
    path = f"/v1/jobs/{job['id']}/retry"
    assert (await api.client.post(path, headers={"Idempotency-Key": "k"})).status_code == 202
    await database.execute("UPDATE jobs SET artifact_erased_at = now() WHERE id = $1", UUID(used))
    (error,) = problem(await api.client.post(path), 422, ErrorType.INVALID_REQUEST)["errors"]
    assert (error["field"], error["message"]) == ("pdf.append.0.job", ERASED)
    assert (await api.client.post(path, headers={"Idempotency-Key": "k"})).status_code == 202


async def test_pdfs_that_are_too_large_together_are_refused(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    half = MAX_MERGED_BYTES // 2
    jobs = [await printed(api, database, artifacts, tmp_path, size) for size in (half, half, 1)]
    assert (await api.client.post("/v1/jobs", json={**PAGE, "pdf": {"append": jobs[:2]}})).status_code == 202
    error = await refusal(api, append=jobs)
    assert error["field"] == "pdf.append.2.job"
    assert error["message"].endswith(
        f"{MAX_MERGED_BYTES + 1:,} bytes; at most {MAX_MERGED_BYTES:,} are allowed"
    )


async def test_batches_and_schedules_look_too(api: Api) -> None:
    job = {**PAGE, "pdf": {"prepend": [str(uuid4())]}}
    answer = await api.client.post("/v1/jobs/batch", json={"jobs": [PAGE, job]})
    good, bad = answer.json()["jobs"]
    assert (good["status"], bad["status"]) == (202, 422)
    assert bad["error"]["errors"][0]["field"] == "pdf.prepend.0.job"
    schedule = {"cron": "0 8 * * *", "timezone": "Europe/Berlin", "job": job}
    refused = problem(await api.client.post("/v1/schedules", json=schedule), 422, ErrorType.INVALID_REQUEST)
    assert refused["errors"][0]["message"] == "is not the id of a job of yours"
