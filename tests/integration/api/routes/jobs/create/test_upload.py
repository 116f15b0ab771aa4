"""Jobs whose files come with them, as multipart/form-data."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.store import Artifacts
from fleet.bundles.rows import erase_due
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.create.retry import find_accepted_retry
from fleet.render.files import MAX_FILES
from fleet.vault import Purpose, SecretOwner
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, fail, problem
from tests.kit.data.stored_files import files_below
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import until

PAGE = {"index.html": b"<h1>marker of a page</h1>", "css/main.css": b"h1 { color: red }"}
LARGE = {**PAGE, "film.mp4": bytes(3_000_000)}
Part = tuple[str, tuple[str | None, bytes, str]]


def form(files: Mapping[str, bytes], request: Any = None) -> list[Part]:
    """The parts of a body, as `requests` and browsers send them."""
    parts: list[Part] = [("files", (name, body, "application/octet-stream")) for name, body in files.items()]
    if request is not None:
        parts.insert(0, ("request", (None, json.dumps(request).encode(), "application/json")))
    return parts


async def post(api: Api, parts: Sequence[Part], path: str = "/v1/jobs", **headers: str) -> httpx.Response:
    return await api.client.post(path, files=list(parts), headers=headers)


def objects(engines: Engines) -> list[Path]:
    return files_below(engines.s3.folder / "renderfleet" / "bundles")


async def bundles(database: Database) -> int:
    return int(await database.fetchval("SELECT count(*) FROM bundles"))


async def test_files_become_a_job_and_lie_sealed_in_the_store(
    api: Api, database: Database, engines: Engines
) -> None:
    before = set(objects(engines))
    answer = await post(api, form(LARGE, {"format": "pdf", "external_id": "mine"}))
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["request"] == {"format": "pdf", "external_id": "mine", "sealed_fields": ["files"]}
    attempt = await claim(database, job["id"])
    owner = SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id)
    files = json.loads(attempt.request.unseal(VAULT, owner))["files"]
    assert {name: file["size_bytes"] for name, file in files.items()} == {
        name: len(body) for name, body in LARGE.items()
    }
    assert attempt.bundle_id is not None
    stored = set(objects(engines)) - before
    assert {path.parent.name for path in stored} == {str(attempt.bundle_id)}
    assert not [path for path in stored if b"marker" in path.read_bytes()]


async def test_a_path_may_be_the_name_of_the_part(api: Api, database: Database) -> None:
    """As curl sends it: the file name alone has no folder."""
    parts: list[Part] = [
        ("index.html", ("index.html", b"<h1>one", "text/html")),
        ("css/main.css", ("main.css", b"h1 {}", "text/css")),
        ("other", ("logo.svg", b"<svg/>", "image/svg+xml")),
    ]
    answer = await post(api, parts)
    assert answer.status_code == 202, answer.text
    attempt = await claim(database, answer.json()["id"])
    files = json.loads(
        attempt.request.unseal(VAULT, SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id))
    )["files"]
    assert set(files) == {"index.html", "css/main.css", "logo.svg"}


async def test_the_request_may_come_last_or_not_at_all(api: Api, database: Database) -> None:
    parts = form(PAGE, {"priority": 9})
    assert (await post(api, [*parts[1:], parts[0]])).json()["priority"] == 9
    assert (await post(api, form(PAGE))).json()["priority"] == 5
    assert await bundles(database) == 2


async def test_a_failed_job_is_run_anew_with_its_files(api: Api, database: Database) -> None:
    job = (await post(api, form(PAGE))).json()
    first = await claim_and_fail(database, job["id"])
    answer = await api.client.post(f"/v1/jobs/{job['id']}/retry")
    assert answer.status_code == 202
    again = await claim(database, answer.json()["id"])
    assert again.bundle_id is not None
    assert again.bundle_id == first


async def claim_and_fail(database: Database, job_id: str) -> object:
    await fail(database, job_id)
    return await database.fetchval("SELECT bundle_id FROM jobs WHERE id = $1::text::uuid", job_id)


@pytest.mark.parametrize("gone", ["files", "job"])
async def test_what_is_erased_while_a_job_is_run_anew_is_told(
    api: Api, database: Database, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    job = (await post(api, form(PAGE))).json()
    await fail(database, job["id"])

    async def erase_first(*arguments: Any, **named: Any) -> Any:
        """The call has read the old job, and has not stored the new one."""
        await database.execute("UPDATE jobs SET artifact_erased_at = now()")
        await database.execute("UPDATE bundles SET erasable_at = now()")
        if gone == "job":
            await database.execute("DELETE FROM jobs")
        assert (await erase_due(database, delete=artifacts.delete_many, limit=10))[1] == 1
        return await find_accepted_retry(*arguments, **named)

    monkeypatch.setattr("api.routes.jobs.create.retry.find_accepted_retry", erase_first)
    answer = await api.client.post(f"/v1/jobs/{job['id']}/retry")
    if gone == "job":
        problem(answer, 404, ErrorType.NOT_FOUND)
    else:
        said = problem(answer, 409, ErrorType.SECRETS_ERASED)
        assert "`files` was erased with the job's artifact" in said["detail"]


async def test_the_same_key_and_files_give_the_same_job(
    api: Api, database: Database, engines: Engines
) -> None:
    keyed = {"Idempotency-Key": "k"}
    jobs = [(await post(api, form(PAGE), **keyed)).json()["id"] for _ in range(2)]
    assert jobs[0] == jobs[1]
    kept = set(objects(engines))
    other = {**PAGE, "css/main.css": b"h1 { color: blue }"}
    problem(await post(api, form(other), **keyed), 422, ErrorType.IDEMPOTENCY_CONFLICT)
    assert await bundles(database) == 1
    assert set(objects(engines)) == kept


async def test_one_call_to_the_bytes_takes_files_too(api: Api, database: Database) -> None:
    answer = await post(api, form(PAGE, {"format": "webp"}), "/v1/screenshot", Prefer="wait=0")
    assert (answer.status_code, answer.json()["request"]["format"]) == (202, "webp")
    answer = await post(api, form(PAGE), "/v1/pdf", Prefer="wait=0")
    assert (answer.status_code, answer.json()["request"]["format"]) == (202, "pdf")
    said = problem(await post(api, form(PAGE, {"format": "png"}), "/v1/pdf"), 422, ErrorType.INVALID_REQUEST)
    assert said["errors"][0]["field"] == "format"
    assert await bundles(database) == 2


FILE = "application/octet-stream"
REFUSED: dict[str, tuple[list[Part], int, str]] = {
    "no index.html": (form({"page.html": b"x"}), 422, "files: has no `index.html`, which is the page"),
    "nothing": (form({}, {}), 422, "files: has no `index.html`"),
    "a way out": (form({**PAGE, "../../x": b""}), 422, "files.../../x: has a part in its name that is empty"),
    "absolute": (form({**PAGE, "/etc/passwd": b""}), 422, "files./etc/passwd: has an absolute name"),
    "backslash": (form({**PAGE, "a\\b": b""}), 422, "files.a\\b: has a backslash in its name"),
    "long": (form({**PAGE, "x" * 256: b""}), 422, "has a name of more than 255 bytes"),
    "twice": ([*form(PAGE), *form(PAGE)], 422, "files.index.html: is there twice"),
    "no file": ([*form(PAGE), ("a", (None, b"b", "text/plain"))], 422, "a: is neither `request` nor a file"),
    "two requests": ([*form(PAGE, {}), *form({}, {})], 422, "request: is there twice"),
    "no JSON": ([*form(PAGE), ("request", (None, b"{", FILE))], 422, "request: is not valid JSON"),
    "a list": (form(PAGE, []), 422, "request: must be a JSON object"),
    "both": (form(PAGE, {"files": {}}), 422, "files: come as parts of the body"),
    "two sources": (form(PAGE, {"html": "x"}), 422, "url: give exactly one of"),
    "option": (form(PAGE, {"priority": 99}), 422, "priority: must be at most 9"),
    "many": (
        form({**PAGE, **{f"{n}.txt": b"" for n in range(MAX_FILES)}}),
        422,
        f"files: has more than {MAX_FILES:,} files",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_each_mistake_has_a_sentence_of_its_own_and_leaves_nothing(
    api: Api, database: Database, engines: Engines, case: str
) -> None:
    before = set(objects(engines))
    parts, status, said = REFUSED[case]
    # The files before the mistake are in the store already.
    parts = [*form({"first.bin": bytes(1_500_000)}), *parts]
    assert said in problem(await post(api, parts), status, ErrorType.INVALID_REQUEST)["detail"]
    assert await bundles(database) == 0
    assert set(objects(engines)) == before
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body ends before its last boundary"),
        (b"--b\r\n", "the body ends before its last boundary"),
        (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nabc',
            "before its last boundary",
        ),
        (b"nonsense", "no valid multipart/form-data"),
        (b"--b\r\nContent-Type: text/css\r\n\r\nx\r\n--b--\r\n", "a part has no name"),
        (b"--b\r\n" + b"X: y\r\n" * 9 + b"\r\n\r\n--b--\r\n", "no valid multipart/form-data"),
        (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a\0b"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data|control character",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="\xff"\r\n\r\nx\r\n--b--\r\n',
            "has a name that is not valid Unicode",
        ),
    ],
)
async def test_a_malformed_body_is_refused(api: Api, database: Database, body: bytes, said: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await api.client.post("/v1/jobs", content=body, headers=headers)
    detail = problem(answer, 422, ErrorType.INVALID_REQUEST)["detail"]
    assert any(part in detail for part in said.split("|")), detail
    assert await bundles(database) == 0


async def test_a_form_needs_a_boundary_and_no_compression(api: Api) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    said = problem(
        await api.client.post("/v1/jobs", content=b"x", headers=headers), 422, ErrorType.INVALID_REQUEST
    )
    assert "has no boundary" in said["detail"]
    answer = await post(api, form(PAGE), **{"Content-Encoding": "gzip"})
    problem(answer, 415, ErrorType.UNSUPPORTED_MEDIA_TYPE)
    answer = await api.client.post("/v1/jobs/batch", files=form(PAGE))
    problem(answer, 415, ErrorType.UNSUPPORTED_MEDIA_TYPE)


async def test_too_many_bytes_are_refused_whether_they_were_declared_or_not(
    serve: Serve, database: Database, engines: Engines
) -> None:
    async with serve(API_MAX_FILES_BYTES=2_000_000) as api:
        before = set(objects(engines))
        assert (await post(api, form({**PAGE, "a": bytes(1_900_000)}))).status_code == 202
        kept = set(objects(engines))
        assert kept != before
        too_large = {"a": bytes(1_500_000), "b": bytes(500_001), **PAGE}
        said = problem(await post(api, form(too_large)), 413, ErrorType.BODY_TOO_LARGE)
        assert said["detail"] == "the files may be 2,000,000 bytes long at most"
        problem(await post(api, form({**PAGE, "a": bytes(9_000_000)})), 413, ErrorType.BODY_TOO_LARGE)
        body = httpx.Request("POST", "http://x/", files=form(PAGE, {"html": "x" * 4_300_000}))

        async def chunks() -> Any:  # without a Content-Length
            yield body.read()

        headers = {"Content-Type": body.headers["Content-Type"]}
        answer = await api.client.post("/v1/jobs", content=chunks(), headers=headers)
        assert "`request` may be 4,194,304 bytes" in problem(answer, 413, ErrorType.BODY_TOO_LARGE)["detail"]
        assert await bundles(database) == 1
        assert set(objects(engines)) == kept


async def test_without_the_store_nothing_is_accepted(
    serve: Serve, database: Database, dead_port: int
) -> None:
    async with serve(S3_ENDPOINT_URL=f"http://127.0.0.1:{dead_port}") as api:
        for files in (PAGE, LARGE):
            answer = await post(api, form(files))
            problem(answer, 503, ErrorType.STORAGE_UNAVAILABLE)
            assert answer.headers["retry-after"]
        assert await database.fetchval("SELECT count(*) FROM jobs") == 0
        # JSON needs no store.
        encoded = {name: base64.b64encode(body).decode() for name, body in PAGE.items()}
        assert (await api.client.post("/v1/jobs", json={"files": encoded})).status_code == 202


async def test_who_goes_away_halfway_leaves_nothing(api: Api, database: Database, engines: Engines) -> None:
    before = set(objects(engines))
    request = httpx.Request("POST", "http://127.0.0.1/v1/jobs", files=form(LARGE))
    body = request.read()
    fields = {**dict(request.headers), "authorization": api.client.headers["authorization"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"POST /v1/jobs HTTP/1.1\r\n{head}\r\n".encode() + body[:2_500_000])
    await writer.drain()
    await until(lambda: len(set(objects(engines)) - before) == 2, "two pieces in the store")
    writer.transport.abort()
    await until(lambda: set(objects(engines)) == before, "the end of the pieces")
    async with asyncio.timeout(PATIENCE_S):
        while await bundles(database):  # noqa: ASYNC110 - a changed row causes no event
            await asyncio.sleep(0.01)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_body_that_takes_too_long_is_refused(serve: Serve, database: Database) -> None:
    async with serve(API_FILES_TIMEOUT_S=0.2) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        key = api.client.headers["authorization"]
        writer.write(
            f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\nContent-Length: 99\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 422")
        assert b"the body did not arrive within 0.2 s" in answer
        assert await bundles(database) == 0
