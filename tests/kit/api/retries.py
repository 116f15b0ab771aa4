"""What tests of retries share: jobs that have failed, and the call."""

from typing import Any

import httpx

from fleet.database import Database
from tests.integration.api.conftest import Api
from tests.kit.api.calls import fail

PAGE = {"url": "https://example.com/"}


async def failed(api: Api, database: Database, **options: object) -> dict[str, Any]:
    answer = await api.client.post("/v1/jobs", json={**PAGE, **options})
    assert answer.status_code == 202, answer.text
    await fail(database, answer.json()["id"])
    document: dict[str, Any] = answer.json()
    return document


async def retry(client: httpx.AsyncClient, job_id: str, **headers: str) -> httpx.Response:
    return await client.post(f"/v1/jobs/{job_id}/retry", headers=headers)
