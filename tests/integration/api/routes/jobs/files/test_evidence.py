"""Evidence and replays through the whole product: a call, a worker, the store, and the end of it."""

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded.engines.engines import Engines
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import problem
from tests.kit.processes import product_environment, worker
from tests.kit.servers.recorder import Answer, Recorder, recorder

WAIT = {"Prefer": "wait=60"}
BODIES = {"bodies": True}
# All that a caller can give as a secret; each text is its own.
SECRETS: dict[str, Any] = {
    "headers": {"X-Token": "secret-header"},
    "basic_auth": {"username": "secret-username", "password": "secret-password"},
    "cookies": [{"name": "session", "value": "secret-cookie", "path": "/"}],
    "storage_state": {
        "cookies": [],
        "origins": [{"origin": "ORIGIN", "localStorage": [{"name": "key", "value": "secret-storage"}]}],
    },
    "actions": [{"type": {"selector": "input", "text": "secret-typed"}}, {"click": "button"}],
}
# Shows, sends on, logs and puts into its address what it was given.
TELLTALE = """<title>telltale</title><form><input name=word><button>go</button></form><script>
const told = document.cookie + localStorage.key;
document.querySelector("form").onsubmit = event => {
  event.preventDefault();
  const word = document.querySelector("input").value;
  console.log(word, told);
  document.body.append(word, told);
  fetch("/told?" + encodeURIComponent(word + told), {method: "POST", body: word + told});
};
</script>"""


@pytest.fixture
async def site() -> AsyncIterator[Recorder]:
    async with recorder() as started:
        started.answers = {
            "/telltale": Answer(TELLTALE, headers=("Set-Cookie: own=secret-of-server; HttpOnly",)),
            "/echo": Answer("secret-header secret-password", content_type="text/plain"),
            "/missing": Answer("<h1>Gone</h1><script>console.error('it-is-gone')</script>", "404 Not Found"),
            "/large": Answer("<p>large" + "x" * 300_000),
            "/many": Answer("<script>for (let i = 0; i < 60; i++) fetch('/p?' + i)</script>"),
            "/late": Answer("<h1>it is late</h1>"),
            "/plain": Answer("<h1>plain</h1>"),
        }
        yield started


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


@dataclass(frozen=True)
class Fleet:
    """An API with a worker, and a site to render."""

    api: Api
    site: Recorder

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.site.port}"

    async def ended(self, path: str, **options: Any) -> dict[str, Any]:
        body = {"url": f"{self.origin}{path}", **options}
        answer = await self.api.client.post("/v1/jobs", json=body, headers=WAIT)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def replay(self, job: dict[str, Any], **body: Any) -> httpx.Response:
        path = f"/v1/jobs/{job['id']}/retry"
        return await self.api.client.post(path, json={"replay": True, **body}, headers=WAIT)

    async def refusal(self, job: dict[str, Any]) -> str:
        """Why a job cannot be replayed."""
        return str(problem(await self.replay(job), 409, ErrorType.NOT_REPLAYABLE)["detail"])

    async def evidence_of(self, job: dict[str, Any]) -> dict[str, bytes]:
        """What is in the evidence, read in both ways."""
        document, path = job["evidence"], job["links"]["evidence"]
        answer = await self.api.client.get(f"{path}?proxy=true")
        assert answer.status_code == 200, answer.text
        assert hashlib.sha256(answer.content).hexdigest() == document["sha256"]
        assert len(answer.content) == document["size_bytes"]
        assert (await self.api.client.get(path)).status_code == 307
        assert (await self.stored(job)).content == answer.content
        return unpacked(answer.content)

    async def stored(self, job: dict[str, Any]) -> httpx.Response:
        """The answer of the store itself."""
        return await self.api.client.get(job["evidence"]["url"], headers={"Authorization": ""})


async def test_evidence_from_the_call_to_its_erasure(
    serve: Serve, site: Recorder, engines: Engines, database_url: str, tmp_path: Path
) -> None:
    limits = {"RENDERFLEET_EVIDENCE_MAX_BYTES": "200000", "RENDERFLEET_EVIDENCE_MAX_REQUESTS": "50"}
    environment = product_environment(engines, database_url, tmp_path) | limits
    async with serve(EGRESS_ALLOW="127.0.0.1") as api, worker(environment, tmp_path / "worker.log"):
        fleet = Fleet(api, site)
        job = await no_secret_is_told(fleet)
        await a_failure_has_evidence(fleet)
        await what_is_too_much_is_left_out(fleet)
        await nothing_is_kept_unless_it_is_asked_for(fleet)
        await it_is_erased_with_the_artifact(fleet, job)


async def no_secret_is_told(fleet: Fleet) -> dict[str, Any]:
    """Every secret is used, and none is told. A replay needs those that the page reads itself."""
    site = fleet.site
    secrets = json.loads(json.dumps(SECRETS).replace("ORIGIN", fleet.origin))
    job = await fleet.ended("/telltale", evidence=BODIES, **secrets)
    assert job["status"] == "succeeded", job
    files = await fleet.evidence_of(job)
    assert files.keys() > {"request.json", "network.har", "console.json", "dom.html", "page.mhtml"}
    told = b"".join(files.values())
    (asked,) = [visit for visit in site.visits if visit.path.startswith("/told")]
    assert "secret-typed" in asked.path
    assert "secret-header" in str(site.visits)
    for text in (told, re.sub(rb"=\r?\n", b"", told)):
        assert re.findall(rb"secret[-=%][a-z0-9]+", text) == []
    assert base64.b64encode(b"secret-username:secret-password") not in told
    assert json.loads(files["request.json"])["url"] == f"{fleet.origin}/telltale"
    summary = json.loads(files["summary.json"])
    assert (summary["page"]["title"], summary["redacted_bodies"]) == ("telltale", 0)
    assert summary["verdict"]["score"] == job["verdict"]["score"]
    known = {name: secrets[name] for name in ("headers", "basic_auth")}
    echo = await fleet.ended("/echo", evidence=BODIES, **known)
    files = await fleet.evidence_of(echo)
    assert b"secret" not in b"".join(files.values())
    assert json.loads(files["summary.json"])["redacted_bodies"] == 1

    visits = len(site.visits)
    missing = problem(await fleet.replay(job), 409, ErrorType.SECRETS_ERASED)["detail"]
    assert ("`actions`" in missing, "`headers`" in missing) == (True, False)
    readable = {name: secrets[name] for name in ("cookies", "storage_state", "actions")}
    again = (await fleet.replay(job, **readable)).json()
    assert again["status"] == "succeeded", again
    assert (again["replay_of"], again["warnings"]) == (job["id"], [])
    assert again["artifact"]["sha256"] == job["artifact"]["sha256"]
    assert len(site.visits) == visits
    return job


async def a_failure_has_evidence(fleet: Fleet) -> None:
    failed = await fleet.ended("/missing", evidence=True, fail_on_status=[404])
    files = await fleet.evidence_of(failed)
    assert b"it-is-gone" in files["console.json"]
    assert json.loads(files["summary.json"])["error"]["type"] == "http_status_rejected"
    assert not any(name.startswith("bodies/") for name in files)
    assert "{bodies: true}" in await fleet.refusal(failed)
    late = await fleet.ended("/late", evidence=True, timeout_ms=2_000, wait_for_selector="#never")
    assert late["error"]["type"] == "render_timeout"
    assert b"it is late" in (await fleet.evidence_of(late))["dom.html"]
    await it_is_erased_with_the_artifact(fleet, failed)


async def what_is_too_much_is_left_out(fleet: Fleet) -> None:
    for path, words in (("/large", "bodies: 1 of"), ("/many", "requests after the first 50")):
        cut = await fleet.ended(path, evidence=BODIES)
        assert any(words in line for line in cut["evidence"]["left_out"]), cut["evidence"]
        assert any(line.startswith("evidence: it is cut") for line in cut["warnings"])
        assert not cut["evidence"]["replayable"]
        assert words in await fleet.refusal(cut)


async def nothing_is_kept_unless_it_is_asked_for(fleet: Fleet) -> None:
    plain = await fleet.ended("/plain")
    assert (plain["evidence"], plain["links"]["evidence"]) == (None, None)
    problem(await fleet.api.client.get(f"/v1/jobs/{plain['id']}/evidence"), 404, ErrorType.NO_EVIDENCE)
    assert "it has no evidence" in await fleet.refusal(plain)


async def it_is_erased_with_the_artifact(fleet: Fleet, job: dict[str, Any]) -> None:
    assert (await fleet.stored(job)).status_code == 200
    erased = (await fleet.api.client.delete(f"/v1/jobs/{job['id']}/artifact")).json()
    assert erased["evidence"]["status"] == "erased"
    gone = await fleet.api.client.get(f"/v1/jobs/{job['id']}/evidence?proxy=true")
    problem(gone, 410, ErrorType.ARTIFACT_EXPIRED)
    assert (await fleet.stored(job)).status_code == 404
    assert "was erased at" in await fleet.refusal(job)
