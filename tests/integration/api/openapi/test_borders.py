"""Dates and numbers at the borders of the types of Python, JSON and Postgres, in every call: never a 5xx.

What a call takes is read from the OpenAPI document, so that a new call or field is tried by itself. A new
call with a body needs a line in BODIES; the test says so.
"""

import asyncio
import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.render.link_signature import PATHS
from fleet.tenants.tenant import Scope
from tests.kit.api.links import Signer, made_key
from tests.kit.processes import api_process, product_environment

ID = "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01"
JOB: dict[str, Any] = {"html": "x"}
# A body that is accepted, for each call that takes one.
BODIES: Mapping[tuple[str, str], Any] = {
    ("post", "/v1/jobs"): JOB,
    ("patch", "/v1/jobs/{job_id}"): {"priority": 9},
    ("post", "/v1/jobs/{job_id}/compare"): {"with": ID},
    ("post", "/v1/jobs/{job_id}/retry"): {},
    ("post", "/v1/screenshot"): JOB,
    ("post", "/v1/pdf"): JOB,
    ("post", "/v1/jobs/batch"): {"jobs": [JOB]},
    ("post", "/v1/schedules"): {"cron": "@daily", "job": JOB},
    ("put", "/v1/schedules/{schedule_id}"): {"cron": "@daily", "job": JOB},
    ("patch", "/v1/schedules/{schedule_id}"): {"enabled": False},
    ("post", "/v1/webhooks"): {"url": "https://example.com/hooks"},
    ("post", "/v1/admin/tenants"): {"name": "tenant"},
    ("patch", "/v1/admin/tenants/{tenant_id}"): {"weight": 1},
    ("post", "/v1/admin/keys"): {"tenant_id": ID},
    ("post", "/v1/fleet/pause"): {},
}
TIMES = [
    f"{moment}{zone}"
    for moment in (
        *("0000-12-31T23:59:59", "0001-01-01T00:00:00", "0001-01-01T13:59:00", "0001-01-02T00:00:00"),
        *("1969-12-31T23:59:59", "2026-12-31T23:59:60", "2026-02-29T00:00:00", "2026-11-28T24:00:00"),
        *("9999-12-31T23:59:59", "9999-12-31T23:59:59.999999999", "10000-01-01T00:00:00"),
        *("4713-01-01T00:00:00", "294276-12-31T23:59:59", "2026-11-28T21:00:00.123456789123"),
    )
    for zone in ("Z", "+00:01", "+14:00", "-14:00", "+23:59", "-23:59", "+24:00", "+01:00:30", "")
] + [
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "today",
    "-62135596800",
    "-62135596801",
    "253402300800",
    "1e400",
]
WHOLE_NUMBERS = [
    str(sign * (2**bits + step))
    for bits in (0, 15, 31, 32, 53, 63, 64)
    for step in (-1, 0, 1)
    for sign in (1, -1)
] + ["9" * 400, "9" * 5000, f"-{'9' * 5000}", "0000000001", "-0"]
NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e308",
    "5e-324",
    "1e-400",
    "0.1",
    "1.5",
    "0.005",
]
TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x7f",
    "é" * 200,
    "\ufeff",
    "\uffff",
    "😀" * 100,
    "x" * 9_000,
    "../..",
    "%00",
    "1_000",
]
LITERALS = ["null", "true", "[]", "{}", "[[]]", '"\\ud800"', '"\\u0000"']
# As a JSON literal, and as a text in a query, a path or a header.
IN_JSON = [
    *WHOLE_NUMBERS,
    *NUMBERS,
    *LITERALS,
    *(json.dumps(text) for text in (*TIMES, *WHOLE_NUMBERS, *NUMBERS, *TEXTS)),
]
IN_TEXT = [*TIMES, *WHOLE_NUMBERS, *NUMBERS, *TEXTS]
HEADERS = (
    "Prefer",
    "Idempotency-Key",
    "Range",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Authorization",
)
MARK = "the border"


@dataclass(frozen=True)
class Place:
    """Where a border goes: a field of a body, a parameter, a part of the path, or a header."""

    method: str
    path: str
    kind: str
    name: str


def places(document: dict[str, Any]) -> Iterator[Place]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                yield Place(method, path, parameter["in"], parameter["name"])
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None:
                for name in fields(body["schema"], document):
                    yield Place(method, path, "body", name)
            for header in HEADERS:
                yield Place(method, path, "header", header)


def fields(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """The names of all fields, those of nested objects and lists with dots; "" for the whole."""
    if "$ref" in schema:
        yield from fields(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
        return
    yield ""
    inner = [("", part) for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()))]
    inner += list(schema.get("properties", {}).items())
    inner += [("0", schema["items"])] if schema.get("type") == "array" else []
    for name, part in inner:
        for rest in fields(part, document):
            joined = ".".join(filter(None, (name, rest)))
            if joined:
                yield joined


def body_with(place: Place, literal: str) -> bytes:
    body = copy.deepcopy(BODIES[place.method, place.path])
    if not place.name:
        return literal.encode()
    *groups, last = place.name.split(".")
    inside = body
    for group in groups:
        key: Any = 0 if group == "0" else group
        if isinstance(inside, dict):
            inside = inside.setdefault(key, {})
        elif isinstance(inside, list):
            inside = inside[0]
    if isinstance(inside, list):
        inside[:] = [MARK]
    elif last == "0":
        return body_with(Place(place.method, place.path, "body", ".".join(groups)), f"[{literal}]")
    else:
        inside[last] = MARK
    return json.dumps(body).replace(json.dumps(MARK), literal).encode()


async def send(client: httpx.AsyncClient, signer: Signer, place: Place, border: str) -> httpx.Response:
    path = place.path
    for name in ("job_id", "schedule_id", "webhook_id", "delivery_id", "tenant_id", "key_id"):
        value = quote(border, safe="") if place.kind == "path" and place.name == name else ID
        path = path.replace(f"{{{name}}}", value)
    headers = {"Content-Type": "application/json"} if place.method in ("post", "put", "patch") else {}
    content = None
    if place.kind == "body":
        content = body_with(place, border)
    elif (place.method, place.path) in BODIES:
        content = json.dumps(BODIES[place.method, place.path]).encode()
    if place.kind == "header":
        headers[place.name] = quote(border.strip(), safe=" !#$&'()*+,/:;=?@[]\"-._~")
    if path in PATHS and place.method == "get":
        path = signer.link_with({place.name: border} if place.kind == "query" else {}, path)
    elif place.kind == "query":
        path = f"{path}?{quote(place.name)}={quote(border, safe='')}"
    return await client.request(place.method.upper(), path, content=content, headers=headers)


def check(answer: httpx.Response, place: Place, border: str) -> None:
    if answer.status_code == 503:  # nobody may wait here, so that no wait makes the test long
        assert answer.json()["type"] in ("too_many_waiters", "render_pending"), (place, border[:200])
    else:
        assert answer.status_code < 500, (place, border[:200], answer.text)


async def read_back(client: httpx.AsyncClient) -> None:
    """Everything that was accepted can be read."""
    for path in ("/v1/jobs", "/v1/schedules", "/v1/webhooks", "/v1/admin/tenants", "/v1/admin/keys"):
        cursor: str | None = None
        while True:
            query = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
            answer = await client.get(path, params=query)
            assert answer.status_code == 200, answer.text
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break


@pytest.fixture
async def signer(database: Database) -> Signer:
    return await made_key(database, *Scope)


def test_no_call_fails_at_the_borders_of_types(
    engines: Engines, database_url: str, signer: Signer, tmp_path: Path
) -> None:
    environment = product_environment(engines, database_url, tmp_path / "data") | {
        "RENDERFLEET_TENANT_MAX_REQUESTS_PER_S": "0",
        "RENDERFLEET_API_MAX_WAITERS": "0",
        "RENDERFLEET_API_MAX_REQUESTS": "0",
    }
    with asyncio.Runner() as runner:
        starting = api_process(environment, tmp_path / "api.log", signer.api_key)
        process, client = runner.run(starting.__aenter__())
        try:
            document = runner.run(client.get("/openapi.json")).json()
            everywhere = list(places(document))
            assert {(p.method, p.path) for p in everywhere if p.kind == "body"} == set(BODIES)

            def attempt(place: Place, border: str) -> None:
                check(runner.run(send(client, signer, place, border)), place, border)

            for place in everywhere:
                if place.name.rpartition(".")[2] == "run_at":
                    for border in TIMES:
                        attempt(place, json.dumps(border))

            @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
            @given(st.sampled_from(everywhere), st.data())
            def anywhere(place: Place, data: st.DataObject) -> None:
                attempt(place, data.draw(st.sampled_from(IN_JSON if place.kind == "body" else IN_TEXT)))

            anywhere()
            runner.run(read_back(client))
            assert " 500," not in process.log.read_text()
        finally:
            runner.run(starting.__aexit__(None, None, None))
