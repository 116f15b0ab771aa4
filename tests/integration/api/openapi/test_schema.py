"""The OpenAPI document against the API, by schemathesis: no 500, and no answer that it does not tell of.

The whole of it, with five times as many cases, takes two minutes:
`python -m schemathesis.cli run http://localhost:8000/openapi.json -H "Authorization: Bearer $KEY"`.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.embedded.engines.engines import Engines
from tests.integration.api.conftest import Api
from tests.kit.processes import free_port, product_environment, started

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
)
# Calls that take the options of a render. To try each border of each option in each of them would take
# minutes; test_borders.py tries borders in all of them.
RENDER_OPTIONS = (
    "create_job",
    "render_screenshot",
    "render_pdf",
    "create_batch",
    "create_schedule",
    "replace_schedule",
    "read_screenshot",
    "read_pdf",
)
LIMIT_S = 600  # against a hang; it takes 30 s on a machine with two free cores


async def schemathesis(port: int, key: str, folder: Path, *options: str) -> tuple[int, str]:
    """Run it; exit code and what it says."""
    command: Sequence[str] = (
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS)),
        *("--generation-deterministic", "--no-shrink", "--warnings", "off", "--no-color", *options),
    )
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode()


@pytest.mark.timeout(1300)
async def test_the_api_does_what_its_document_says(
    engines: Engines, database_url: str, tenant_key: str, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        **product_environment(engines, database_url, tmp_path / "data"),
        "RENDERFLEET_API_PORT": str(port),
        "RENDERFLEET_API_MAX_REQUESTS": "0",
        "RENDERFLEET_API_MAX_WAITERS": "0",  # nothing is rendered here, so nothing is worth waiting for
    }
    async with started("api", environment=environment, log=tmp_path / "api.log") as api:
        await api.logged("Application startup complete")
        for options in (
            (
                # Streams are refused without waiters.
                *("--exclude-path", "/v1/jobs/{job_id}/events"),
                *("--exclude-path", "/v1/events"),
                *(word for name in RENDER_OPTIONS for word in ("--exclude-operation-id", name)),
                *("--phases", "examples,coverage,fuzzing"),
            ),
            (
                *(word for name in RENDER_OPTIONS for word in ("--include-operation-id", name)),
                *("--phases", "examples,fuzzing"),
            ),
        ):
            code, output = await schemathesis(port, tenant_key, tmp_path, *options, "--max-examples", "3")
            assert code == 0, output
        assert " 500," not in api.log.read_text()


async def test_the_least_weight_is_taken(api: Api) -> None:
    """Found by schemathesis: 500, because 0.01 as a `real` was less than 0.01."""
    made = await api.client.post("/v1/admin/tenants", json={"name": "light", "weight": 0.01})
    assert (made.status_code, made.json()["weight"]) == (201, 0.01)
    changed = await api.client.patch(made.json()["links"]["self"], json={"weight": 0.1})
    assert (changed.status_code, changed.json()["weight"]) == (200, 0.1)


async def test_allow_lists_the_methods_of_the_path_as_it_is_written(api: Api) -> None:
    """Found by schemathesis: `/v1/jobs/batch` had those of `/v1/jobs/{job_id}` as well."""
    for path, methods in (
        ("/v1/jobs/batch", "POST"),
        ("/v1/jobs", "GET, POST"),
        ("/v1/jobs/0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01", "GET, PATCH, DELETE"),
        ("/docs", "GET, HEAD"),
    ):
        assert (await api.client.options(path)).headers["allow"] == methods, path
