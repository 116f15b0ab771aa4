"""Liveness, readiness, metrics, and the OpenAPI document."""

import json
import re
from typing import Any

import httpx
from prometheus_client import REGISTRY

from fleet.database import Database
from tests.integration.api.conftest import Api
from tests.kit.api.calls import claim, enqueue


async def test_health_needs_no_key_and_names_each_dependency(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.client.base_url, trust_env=False) as anyone:
        assert (await anyone.get("/livez")).json() == {"status": "alive"}
        assert (await anyone.head("/readyz")).status_code == 200
        ready = (await anyone.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["warnings"] == []
    assert set(ready["dependencies"]) == {"postgres", "redis", "s3"}
    assert all(
        state["status"] == "up" and state["latency_ms"] > 0 for state in ready["dependencies"].values()
    )


async def test_a_database_without_its_schema_is_not_ready(api: Api, database: Database) -> None:
    await database.execute("ALTER TABLE jobs RENAME TO elsewhere")
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["dependencies"]["postgres"]["status"]) == (503, "down")


async def test_metrics_show_calls_by_route_and_the_backlog(api: Api, database: Database) -> None:
    await enqueue(api.client)
    job = await enqueue(api.client)
    await claim(database, job["id"])
    await api.client.get(job["links"]["self"])
    await api.client.get("/no/such/path")
    text = (await api.client.get("/metrics")).text
    assert 'renderfleet_jobs_open{state="queued"} 1.0' in text
    assert 'renderfleet_jobs_open{state="running"} 1.0' in text
    assert re.search(r"renderfleet_oldest_queued_seconds [0-9.]+", text)
    labels = {"method": "GET", "route": "/v1/jobs/{job_id}", "status": "200"}
    assert REGISTRY.get_sample_value("renderfleet_http_requests_total", labels)
    labels = {"method": "GET", "route": "unmatched", "status": "404"}
    assert REGISTRY.get_sample_value("renderfleet_http_requests_total", labels)
    assert job["id"] not in text


# Whoever has such a link needs no key.
SIGNED = {"/v1/screenshot", "/v1/pdf"}
# A key needs no scope for these.
FOR_ANY_KEY = {"get /v1/me"}


async def test_the_openapi_document_is_complete(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert references <= set(schemas)
    assert {"RenderRequest", "JobDocument", "Problem"} <= references
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needs_key = path.startswith("/v1/") and not (method == "get" and path in SIGNED)
            check_operation(f"{method} {path}", operation, needs_key=needs_key)
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        assert (await api.client.post("/v1/jobs", json=example["value"])).status_code == 202


def check_operation(name: str, operation: dict[str, Any], *, needs_key: bool) -> None:
    assert operation["description"], name
    assert bool(operation.get("security")) == needs_key, name
    if needs_key:
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert "application/problem+json" in response["content"], (name, status)
        needed = {"401", "422", "503"} | (set() if name in FOR_ANY_KEY else {"403"})
        assert needed <= set(operation["responses"]), name


async def test_the_docs_page_is_served(api: Api) -> None:
    answer = await api.client.get("/docs")
    assert answer.status_code == 200
    assert "/openapi.json" in answer.text
