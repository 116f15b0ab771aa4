"""A render is recorded, and rendered again from the recording alone: the same picture, nobody is asked."""

import asyncio
import json
import ssl
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import EvidenceFacts
from tests.kit.servers.recorder import Answer, Recorder
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from worker.render import pipeline
from worker.render.evidence.recorder import Ended
from worker.render.evidence.recorder import Recorder as EvidenceRecorder
from worker.render.evidence.replay import Replay
from worker.render.evidence.traffic import EvidenceLimits
from worker.render.overlays.rules import AUTOCONSENT_VERSION
from worker.render.pipeline import Rendered

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

LIMITS = EvidenceLimits(max_bytes=50_000_000, max_requests=2_000)
PAGE = """<!doctype html><link rel=stylesheet href=/style.css><body><h1>Prices</h1><img src=/moved.svg>
<p id=out></p><iframe src=/frame></iframe><script>
const say = text => { out.textContent += text + " "; };
(async () => {
  await Promise.all([...Array(40).keys()].map(number => fetch("/unread?" + number)));
  for (let i = 0; i < 3; i++) say(await (await fetch("/count")).text());
  say(await (await fetch("/post", {method: "POST", body: ["sent", "body"].join("-")})).text());
  say(await (await fetch("//other.site.test:" + location.port + "/cors", {headers: {"x-own": "1"}})).text());
  await fetch("/gone").then(answer => say(answer.status));
  await fetch("//nobody.example.test/").catch(() => say("failed"));
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
  await new Promise(resolve => { socket.onerror = resolve; });
  document.title = "done";
})();
</script>"""


class LeftEarly(Answer):
    """A document that never comes to its end."""

    def encoded(self) -> bytes:
        return super().encoded().replace(b"Content-Length: ", b"Content-Length: 9")


ANSWERS = {
    "/start": LeftEarly("<script>location = '/page'</script>"),
    "/page": Answer(PAGE),
    "/style.css": Answer("h1 { color: #a00; font: 60px serif }", content_type="text/css"),
    "/moved.svg": Answer(status="302 Found", headers=("Location: /picture.svg",)),
    "/picture.svg": Answer(
        '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80"><path d="M0 0h80v80"/></svg>',
        content_type="image/svg+xml",
    ),
    "/frame": Answer("<body style='background: #dfd'>frame"),
    "/post": Answer("posted"),
    "/cors": Answer(
        "shared", headers=("Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-own")
    ),
    "/gone": Answer("gone", status="410 Gone"),
}


class Counting(Recorder):
    """A server whose answer to `/count` is another each time."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answers["/count"] = Answer(f"count-{len(self.of('/count')) + 1}")
        await super().serve(reader, writer)


@asynccontextmanager
async def server(scheme: str) -> AsyncIterator[Counting]:
    started = Counting(answers=dict(ANSWERS))
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("a.site.test", "other.site.test").configure_cert(tls)
    running = await asyncio.start_server(started.serve, "127.0.0.1", 0, ssl=tls)
    started.port = running.sockets[0].getsockname()[1]
    async with running:
        yield started


async def record(
    shared: BrowserStage, limits: EvidenceLimits = LIMITS, **options: Any
) -> tuple[Rendered, EvidenceFacts, Path]:
    request = request_for(**options)
    async with shared.pool.page() as page:
        folder = shared.folder / "recorded"
        recorder = EvidenceRecorder(
            page, request, folder, limits, public_request={}, summary={"versions": {"renderfleet": "0"}}
        )
        rendered = await pipeline.render(
            page, request, shared.output, TERMS, max_bytes=MAX_BYTES, recorder=recorder
        )
        await recorder.end()
    path = shared.folder / "evidence.zip"
    facts = recorder.pack(path, "key", Ended("succeeded"))
    recorder.discard()
    return rendered, facts, path


async def replayed(shared: BrowserStage, path: Path, **options: Any) -> Rendered:
    request = request_for(**options)
    replay = Replay.read(path)
    async with shared.pool.page() as page:
        try:
            return await pipeline.render(
                page, request, shared.output, TERMS, max_bytes=MAX_BYTES, replay=replay
            )
        finally:
            replay.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_replay_is_the_same_to_the_pixel_and_asks_nobody(shared: BrowserStage, scheme: str) -> None:
    options: dict[str, Any] = {"evidence": {"bodies": True}, "ignore_https_errors": True, "block_ads": True}
    options |= {"block_cookie_banners": True, "wait_for_function": "document.title === 'done'"}
    async with server(scheme) as site:
        url = site.url("a", "/start").replace("http:", f"{scheme}:")
        rendered, facts, path = await record(shared, url=url, **options)
        first = shared.output.read_bytes()
        asked = len(site.visits)
        again = await replayed(shared, path, url=url, **options)
        assert len(site.visits) == asked
    assert (rendered.warnings, again.warnings) == ([], [])
    assert facts.left_out == []
    assert again.page == rendered.page
    assert shared.output.read_bytes() == first
    with zipfile.ZipFile(path) as file:
        har = json.loads(file.read("network.har"))["log"]
        rules = json.loads(file.read("summary.json"))["versions"]["rules"]
        assert (set(rules), "EasyList" in rules["ads"]) == ({"ads", "banners"}, True)
        assert rules["banners"] == f"autoconsent {AUTOCONSENT_VERSION}"
        answers = {urlsplit(entry["request"]["url"]).path: entry["response"] for entry in har["entries"]}
        assert (answers["/moved.svg"]["status"], answers["/gone"]["status"]) == (302, 410)
        assert answers["/start"]["content"]["_ledTo"] == url.replace("/start", "/page")
        assert b"sent-body" not in b"".join(file.read(name) for name in file.namelist())
        assert b"count-3" in file.read("dom.html")


async def test_what_was_not_recorded_is_an_error_and_not_the_web(shared: BrowserStage) -> None:
    async with server("http") as site:
        _, _, path = await record(shared, url=site.url("a", "/frame"), evidence={"bodies": True})
        asked = len(site.visits)
        with pytest.raises(RenderError) as raised:
            await replayed(shared, path, url=site.url("a", "/page"))
        assert len(site.visits) == asked
    assert raised.value.type is ErrorType.NOT_REPLAYABLE


async def test_long_headers_and_addresses_count_as_well(shared: BrowserStage) -> None:
    page = """<script>(async () => {
      for (let i = 0; i < 40; i++) await fetch(`/long?${i}`);
      for (let i = 0; i < 40; i++) await fetch("/frame?" + i + "x".repeat(50000)).catch(() => {});
      document.title = "done";
    })()</script>"""
    ready = {"wait_for_function": "document.title === 'done'"}
    async with server("http") as site:
        site.answers |= {"/many": Answer(page), "/long": Answer("long", headers=("X-Long: " + "y" * 20_000,))}
        limits = EvidenceLimits(max_bytes=200_000, max_requests=2_000)
        _, facts, path = await record(shared, limits, url=site.url("a", "/many"), evidence=True, **ready)
    with zipfile.ZipFile(path) as file:
        har = file.getinfo("network.har").file_size
    assert har < 400_000, "what is kept, and what a HAR says of each of the 81 requests"
    said = " ".join(facts.left_out)
    assert "the header fields of" in said
    assert "requests after the first" in said
    assert facts.lacks_answers
