"""Artifacts: the redirect, and the stream with ranges and conditions, byte for byte."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.document.files import ArtifactDocument
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import CONTENT, claim, enqueue, fail, problem, succeed
from worker.maintenance.eraser import Eraser

ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
SIZE = len(CONTENT)


@pytest.fixture
async def path(api: Api, database: Database, artifacts: Artifacts, tmp_path: Path) -> str:
    job = await enqueue(api.client)
    await succeed(database, artifacts, tmp_path, job["id"])
    return f"{job['links']['self']}/artifact"


async def test_the_document_of_a_finished_job_leads_to_its_artifact(api: Api, path: str) -> None:
    document = (await api.client.get(path.removesuffix("/artifact"))).json()
    assert document["links"]["artifact"] == path
    assert set(document["artifact"]) == set(ArtifactDocument.model_fields)
    assert document["artifact"]["sha256"] == ETAG.strip('"')
    assert document["page"]["title"] == "Example"
    assert document["timings_ms"]["total"] == 99.0
    assert document["warnings"] == ["an image did not load"]
    assert document["artifact"]["url_expires_at"] > document["finished_at"]
    async with httpx.AsyncClient(trust_env=False) as anyone:
        fetched = await anyone.get(document["artifact"]["url"])
    assert fetched.content == CONTENT
    listed = (await api.client.get("/v1/jobs")).json()["jobs"][0]
    assert listed["artifact"]["url"] is None


async def test_the_redirect_leads_to_the_bytes(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    assert answer.status_code == 307
    assert "no-store" in answer.headers["cache-control"]
    async with httpx.AsyncClient(trust_env=False) as anyone:
        fetched = await anyone.get(answer.headers["location"])
    assert fetched.content == CONTENT
    assert fetched.headers["content-type"] == "image/png"


async def test_the_stream_is_whole_and_well_described(api: Api, path: str) -> None:
    answer = await api.client.get(f"{path}?proxy=true")
    assert answer.status_code == 200
    assert answer.content == CONTENT
    job_id = path.split("/")[3]
    expected = {
        "content-type": "image/png",
        "content-length": str(SIZE),
        "etag": ETAG,
        "accept-ranges": "bytes",
        "content-disposition": f'inline; filename="{job_id}.png"',
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=3600",
    }
    assert expected.items() <= dict(answer.headers).items()


async def test_head_describes_without_a_body(api: Api, path: str) -> None:
    for query in ("", "?proxy=true"):
        answer = await api.client.head(path + query)
        assert (answer.status_code, answer.content) == (200, b"")
        assert (answer.headers["content-length"], answer.headers["etag"]) == (str(SIZE), ETAG)


async def test_a_range_gives_just_its_bytes(api: Api, path: str) -> None:
    for wanted, first, last in (
        ("0-0", 0, 0),
        ("1000-299999", 1000, 299_999),
        (f"{SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("500000-", 500_000, SIZE - 1),
        ("-5", SIZE - 5, SIZE - 1),
        (f"-{SIZE * 2}", 0, SIZE - 1),
        (f"10-{SIZE * 2}", 10, SIZE - 1),
    ):
        headers = {"Range": f"bytes={wanted}", "If-Range": ETAG}
        answer = await api.client.get(f"{path}?proxy=true", headers=headers)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
        assert answer.content == CONTENT[first : last + 1], wanted


async def test_a_range_behind_the_end_is_refused(api: Api, path: str) -> None:
    answer = await api.client.get(f"{path}?proxy=true", headers={"Range": f"bytes={SIZE}-"})
    problem(answer, 416, ErrorType.RANGE_NOT_SATISFIABLE)
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


async def test_whatever_cannot_be_given_in_part_is_given_whole(api: Api, path: str) -> None:
    for headers in (
        {"Range": "bytes=0-1,5-6"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
        {"If-None-Match": '"another"'},
    ):
        answer = await api.client.get(f"{path}?proxy=true", headers=headers)
        assert (answer.status_code, answer.content) == (200, CONTENT), headers


async def test_a_known_artifact_is_not_sent_again(api: Api, path: str) -> None:
    for known in (ETAG, f"W/{ETAG}", f'"a", {ETAG}', "*"):
        headers = {"If-None-Match": known, "Range": "bytes=0-1"}
        answer = await api.client.get(f"{path}?proxy=true", headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", ETAG)


async def test_an_open_or_failed_job_has_no_artifact(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    path = f"{job['links']['self']}/artifact"
    problem(await api.client.get(path), 409, ErrorType.JOB_NOT_FINISHED)
    await claim(database, job["id"])
    problem(await api.client.get(path), 409, ErrorType.JOB_NOT_FINISHED)
    failed = await enqueue(api.client)
    await fail(database, failed["id"])
    answer = await api.client.get(f"{failed['links']['self']}/artifact")
    assert "tls_error" in problem(answer, 404, ErrorType.NO_ARTIFACT)["detail"]


async def test_an_erased_artifact_is_gone(api: Api, path: str, artifacts: Artifacts) -> None:
    document = (await api.client.get(path.removesuffix("/artifact"))).json()
    await artifacts.delete(document["artifact"]["key"])
    problem(await api.client.get(f"{path}?proxy=true"), 404, ErrorType.NO_ARTIFACT)


async def test_an_artifact_whose_time_is_over_is_said_to_have_expired(
    api: Api, path: str, database: Database, artifacts: Artifacts
) -> None:
    before = (await api.client.get(path.removesuffix("/artifact"))).json()["artifact"]
    assert (before["status"], before["expires_at"] > before["url_expires_at"]) == ("stored", True)
    await database.execute("UPDATE jobs SET erase_at = now() - interval '1 s'")
    await Eraser(database, artifacts, history=timedelta(days=30)).erase()
    for query in ("", "?proxy=true"):
        said = problem(await api.client.get(path + query), 410, ErrorType.ARTIFACT_EXPIRED)
        assert "retention_s" in said["detail"]
        assert (await api.client.head(path + query)).status_code == 410
    after = (await api.client.get(path.removesuffix("/artifact"))).json()
    assert after["status"] == "succeeded"
    assert after["artifact"]["status"] == "expired"
    assert (after["artifact"]["url"], after["artifact"]["url_expires_at"]) == (None, None)
    assert after["artifact"]["sha256"] == before["sha256"]
    async with httpx.AsyncClient(trust_env=False) as anyone:
        assert (await anyone.get(before["url"])).status_code == 404


async def test_a_silent_store_is_a_proper_answer(
    serve: Serve, database: Database, artifacts: Artifacts, tmp_path: Path, dead_port: int
) -> None:
    async with serve(S3_ENDPOINT_URL=f"http://127.0.0.1:{dead_port}") as api:
        job = await enqueue(api.client)
        await succeed(database, artifacts, tmp_path, job["id"])
        answer = await api.client.get(f"{job['links']['self']}/artifact?proxy=true")
        problem(answer, 503, ErrorType.STORAGE_UNAVAILABLE)
        ready = (await api.client.get("/readyz")).json()
        assert (ready["status"], ready["dependencies"]["s3"]["status"]) == ("degraded", "down")


async def test_a_caller_that_hangs_up_in_a_stream_does_no_harm(api: Api, path: str, tenant_key: str) -> None:
    for _ in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        head = f"GET {path}?proxy=true HTTP/1.1\r\nHost: [::1]\r\nAuthorization: Bearer {tenant_key}\r\n\r\n"
        writer.write(head.encode())
        await reader.readexactly(1000)
        writer.transport.abort()
    assert (await api.client.get(f"{path}?proxy=true")).content == CONTENT


async def test_an_erased_artifact_is_gone_everywhere_and_the_job_says_so(
    api: Api, path: str, database: Database, artifacts: Artifacts
) -> None:
    job_path = path.removesuffix("/artifact")
    before = (await api.client.get(job_path)).json()
    answer = await api.client.delete(path)
    assert answer.status_code == 200, answer.text
    erased = answer.json()
    assert (erased["status"], erased["artifact"]["status"]) == ("succeeded", "erased")
    assert (erased["artifact"]["url"], erased["artifact"]["sha256"]) == (None, ETAG.strip('"'))
    assert before["finished_at"] < erased["artifact"]["expires_at"] < before["artifact"]["expires_at"]
    assert (await api.client.get(job_path)).json() == erased
    for query in ("", "?proxy=true"):
        refused = problem(await api.client.get(path + query), 410, ErrorType.ARTIFACT_EXPIRED)
        assert refused["detail"].startswith("a call erased it at")
    async with httpx.AsyncClient(trust_env=False) as anyone:
        assert (await anyone.get(before["artifact"]["url"])).status_code == 404
    assert (await api.client.delete(path)).json() == erased, "erasing again changes nothing"
    # What the page was made of is gone too, and the eraser has nothing left to do.
    assert await database.fetchval("SELECT content IS NULL AND erase_at > now() FROM jobs")
    await Eraser(database, artifacts, history=timedelta(days=1)).erase()
    assert (await api.client.get(job_path)).json() == erased


async def test_after_erasing_the_same_request_is_rendered_anew(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    request = {"html": "<p>x</p>", "cache_ttl_s": 3600}
    first = await enqueue(api.client, request)
    await succeed(database, artifacts, tmp_path, first["id"])
    assert (await api.client.post("/v1/jobs", json=request)).json()["id"] == first["id"]
    assert (await api.client.delete(f"/v1/jobs/{first['id']}/artifact")).status_code == 200
    assert (await enqueue(api.client, request))["id"] != first["id"]


async def test_what_has_no_artifact_is_not_erased(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    problem(await api.client.delete(f"/v1/jobs/{job['id']}/artifact"), 409, ErrorType.JOB_NOT_FINISHED)
    await fail(database, job["id"])
    problem(await api.client.delete(f"/v1/jobs/{job['id']}/artifact"), 404, ErrorType.NO_ARTIFACT)
    assert await database.fetchval("SELECT content IS NOT NULL FROM jobs"), "it can still be run again"


async def test_while_the_store_is_away_nothing_counts_as_erased(
    serve: Serve, path: str, dead_port: int
) -> None:
    async with serve(S3_ENDPOINT_URL=f"http://127.0.0.1:{dead_port}") as without:
        problem(await without.client.delete(path), 503, ErrorType.STORAGE_UNAVAILABLE)
        assert (await without.client.get(path.removesuffix("/artifact"))).json()["artifact"]["status"] == (
            "stored"
        )
