"""The client without a server: retries, documents, signatures, and what the package may import."""

import ast
import asyncio
import base64
import hashlib
import hmac
import inspect
import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

import renderfleet
from renderfleet import AsyncClient, Client, NotConfigured, ServerUnreachable, SignatureInvalid
from renderfleet.asynchronous import jobs as async_jobs
from renderfleet.asynchronous import operators as async_operators
from renderfleet.asynchronous import schedules as async_schedules
from renderfleet.asynchronous import webhooks as async_webhooks
from renderfleet.blocking import jobs, operators, schedules, webhooks
from renderfleet.cli.input.shots_file import ShotsFileError, read_shots
from renderfleet.error_types import Forbidden, QuotaExceeded, RateLimited
from renderfleet.models.jobs import Job
from renderfleet.target import find_target
from tests.kit.paths import CLIENT, ROOT

PROBLEM = {"title": "T", "detail": "d", "request_id": "r", "errors": []}
PAIRS = [
    (Client, AsyncClient),
    (jobs.JobCalls, async_jobs.AsyncJobCalls),
    (schedules.ScheduleCalls, async_schedules.AsyncScheduleCalls),
    (webhooks.WebhookCalls, async_webhooks.AsyncWebhookCalls),
    (operators.FleetCalls, async_operators.AsyncFleetCalls),
    (operators.TenantCalls, async_operators.AsyncTenantCalls),
    (operators.KeyCalls, async_operators.AsyncKeyCalls),
]


def job_document() -> dict[str, Any]:
    """The example of a job in the API's own document."""
    found: dict[str, Any] = json.loads((ROOT / "tests/unit/clients/job.json").read_text())
    return found


def problem(type_: str, status: int, **headers: str) -> httpx2.Response:
    body = {**PROBLEM, "type": type_, "status": status}
    return httpx2.Response(status, json=body, headers=headers)


class Server:
    """Answers calls with what it has, in order, and keeps them."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self._answers = iter(answers)
        self.calls: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, *, retry_for_s: float = 60) -> Client:
        return Client(
            "http://a.example", "key", retry_for_s=retry_for_s, transport=httpx2.MockTransport(self)
        )


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of all pauses of blocking clients; nobody really waits."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_a_post_is_sent_again_with_the_same_key_after_limits_outages_and_broken_connections(
    pauses: list[float],
) -> None:
    server = Server(
        problem("rate_limited", 429, **{"Retry-After": "3"}),
        problem("database_unavailable", 503),
        httpx2.ReadError("the line is dead"),
        httpx2.Response(202, json=job_document()),
    )
    made = server.client().jobs.submit(url="https://a.example")
    assert made.status == "succeeded"
    assert len({call.headers["Idempotency-Key"] for call in server.calls}) == 1
    assert len(server.calls) == 4
    assert pauses[0] == 3
    assert all(0 < pause <= 8 for pause in pauses)


def test_what_could_be_done_twice_is_not_sent_again_blindly() -> None:
    server = Server(httpx2.ReadError("the line is dead"))
    with pytest.raises(ServerUnreachable, match=r"^http://a\.example does not answer .* the line is dead$"):
        server.client().schedules.create("@daily", {"url": "https://a.example"})
    never_arrived = Server(httpx2.ConnectError("refused"), problem("forbidden", 403))
    with pytest.raises(Forbidden):
        never_arrived.client().schedules.create("@daily", {"url": "https://a.example"})


def test_a_limit_that_lasts_longer_than_the_budget_is_told_at_once(pauses: list[float]) -> None:
    server = Server(problem("quota_exceeded", 429, **{"Retry-After": "864000"}))
    with pytest.raises(QuotaExceeded) as told:
        server.client().jobs.submit(html="x")
    assert (told.value.retry_after_s, told.value.status, pauses) == (864000, 429, [])
    with pytest.raises(RateLimited):
        Server(problem("rate_limited", 429)).client(retry_for_s=0).me()


def test_fields_that_the_client_does_not_know_are_kept_and_errors_of_the_server_too() -> None:
    job = Job.of({**job_document(), "later": {"blank": True}})
    assert job.extra == {"later": {"blank": True}}
    assert job.artifact is not None
    assert job.artifact.width_px == 1280
    assert job.created_at == datetime(2026, 1, 31, 12, 0, 0, 104211, UTC)
    with pytest.raises(AttributeError):
        job.status = "queued"  # type: ignore[misc]
    with pytest.raises(renderfleet.UnexpectedAnswer, match="status 502 and no problem"):
        Server(httpx2.Response(502, text="<h1>nginx")).client(retry_for_s=0).me()
    with pytest.raises(renderfleet.ApiError) as told:
        Server(problem("a_new_type", 409)).client().me()
    assert told.value.type == "a_new_type"


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS, ids=lambda one: one.__name__)
def test_the_async_client_has_the_same_methods_with_the_same_arguments(
    blocking: type, asynchronous: type
) -> None:
    def methods(kind: type) -> dict[str, list[tuple[str, object, object]]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]
            for name, method in found
            if not name.startswith("_")
        }

    assert methods(blocking) == methods(asynchronous)


def test_links_are_signed_as_the_manual_says() -> None:
    page = (ROOT / "docs" / "links.md").read_text()
    vector = json.loads(page.partition("<!-- vector -->")[2].split("```")[1].removeprefix("json"))
    expires = datetime.fromtimestamp(vector["expires"], UTC)
    link = renderfleet.signed_link(
        "http://a.example/", vector["path"], vector["api_key"], expires, vector["options"]
    )
    assert link == f"http://a.example{vector['canonical']}&signature={vector['signature']}"
    nested = {"viewport": {"width": 800, "height": None}, "full_page": True, "hide_selectors": ["a", "b"]}
    said = renderfleet.signed_link("http://a.example", "/v1/pdf", vector["api_key"], expires, nested)
    assert "&full_page=true&hide_selectors=a%2Cb&key=0123456789ab&viewport.width=800&" in f"&{said}"


def signed(body: bytes, *, key: bytes, sent_at: float) -> dict[str, str]:
    content = f"msg_1.{int(sent_at)}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    stale = base64.b64encode(bytes(32)).decode()
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(sent_at)),
        "Webhook-Signature": f"v1,{stale} v1,{signature}",
    }


def test_a_webhook_is_believed_only_with_its_signature_and_while_it_is_new() -> None:
    key = bytes(range(32))
    secret = f"whsec_{base64.b64encode(key).decode()}"
    document = {"type": "job.succeeded", "timestamp": "2026-01-31T12:00:00Z"}
    body = json.dumps({**document, "data": {**job_document(), "links": None}}).encode()
    headers = signed(body, key=key, sent_at=time.time())
    message = renderfleet.verify_webhook(body, headers, secret)
    assert (message.type, message.data.status) == ("job.succeeded", "succeeded")
    other = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    for changed in (
        (body + b" ", headers, secret),
        (body, headers, other),
        (body, signed(body, key=key, sent_at=time.time() - 400), secret),
        (body, {**headers, "Webhook-Id": "msg_2"}, secret),
        (body, {}, secret),
        (body, {**headers, "Webhook-Signature": "v1,é"}, secret),
    ):
        with pytest.raises(SignatureInvalid):
            renderfleet.verify_webhook(*changed)


def test_the_key_of_one_server_is_not_sent_to_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("RENDERFLEET_URL", "http://a.example")
    monkeypatch.setenv("RENDERFLEET_API_KEY", "key")
    assert find_target().url == "http://a.example"
    with pytest.raises(NotConfigured):
        find_target("http://b.example")
    assert find_target("http://b.example", "other").api_key == "other"
    monkeypatch.delenv("RENDERFLEET_URL")
    assert find_target("http://b.example").api_key == "key", "it was given for no server in particular"
    assert "key" not in repr(find_target())


def test_a_shots_file_is_read_as_shot_scraper_means_it() -> None:
    text = """
- url: a.example
- {url: a.example, output: x.jpg, width: 400, height: 800, quality: 80, wait: 500, wait_for: "ready()"}
- {url: a.example, selector: "#a", padding: 20, javascript: "go()", block_requests: [b.example]}
"""
    first, second, third = (shot.request for shot in read_shots(text))
    window = {"width": 1280, "height": 780}
    assert first == {"url": "https://a.example", "format": "png", "viewport": window, "full_page": True}
    assert second == {
        "url": "https://a.example",
        "format": "jpeg",
        "viewport": {"width": 400, "height": 800},
        "quality": 80,
        "delay_ms": 500,
        "wait_for_function": "ready()",
    }
    assert third == {
        "url": "https://a.example",
        "format": "png",
        "viewport": window,
        "selector": "#a",
        "selector_padding_px": 20,
        "scripts": ["go()"],
        "block_requests": ["b.example"],
    }
    assert read_shots("- url: a.example", retina=True)[0].request["device_scale_factor"] == 2


@pytest.mark.parametrize("text", ["a: [", "url: a.example", "[]", "- output: a.png", "- {url: 1}"])
def test_an_unusable_shots_file_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ShotsFileError):
        read_shots(text)


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names


# Besides httpx2; those of agents are in an extra.
MORE_IMPORTS = {
    "cli": ("rich", "typer", "yaml"),
    "agents": ("PIL", "mcp", "mcp_types", "pydantic", "starlette", "uvicorn"),
}


def test_the_package_knows_nothing_of_the_server_and_its_library_little_of_the_terminal() -> None:
    package = CLIENT / "renderfleet"
    for path in package.rglob("*.py"):
        is_of_the_command = path.is_relative_to(package / "cli")
        folder = path.relative_to(package).parts[0]
        assert imports(path) <= {"renderfleet", "httpx2", *MORE_IMPORTS.get(folder, ())}, path
        if folder != "agents" and path != package / "cli" / "commands" / "mcp.py":
            assert "renderfleet.agents" not in path.read_text(), path
        if not is_of_the_command and path.name != "__main__.py":
            assert "renderfleet.cli" not in path.read_text(), path


def test_the_repository_installs_what_the_package_needs() -> None:
    def needed(text: str, start: str) -> set[str]:
        return set(re.findall(r'"([\w.>=-]+)"', text.partition(start)[2].partition("\n]")[0]))

    own = (ROOT / "clients/python/pyproject.toml").read_text()
    builder = {"flit-core>=3.12"}
    assert f'requires = ["{builder.copy().pop()}"]' in own
    ours = needed((ROOT / "pyproject.toml").read_text(), "\nclient = [")
    assert ours == needed(own, "\ndependencies = [") | builder
    assert needed((ROOT / "pyproject.toml").read_text(), "\nmcp = [") == needed(own, "\nmcp = [")


async def test_an_async_client_pauses_without_stopping_others(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    server = Server(problem("rate_limited", 429), httpx2.Response(202, json=job_document()))
    transport = httpx2.MockTransport(server)
    async with AsyncClient("http://a.example", "key", transport=transport) as client:
        assert (await client.jobs.submit(html="x")).has_succeeded
    assert len(paused) == 1
