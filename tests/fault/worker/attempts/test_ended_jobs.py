"""What becomes of jobs after their end, with real renders: quarantined, run anew, erased."""

import asyncio
from typing import Any

import httpx

from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api
from tests.kit.stages.stage import Stage
from tests.site.server import Site

WAIT = {"Prefer": "wait=40"}


async def listed(client: httpx.AsyncClient) -> list[str]:
    document = (await client.get("/v1/jobs", params={"quarantined": "true"})).json()
    return [job["id"] for job in document["jobs"]]


async def gone(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    """Wait until the job's artifact is answered with 410."""
    async with asyncio.timeout(PATIENCE_S):
        while (await client.get(job["links"]["artifact"])).status_code != 410:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_a_killing_page_is_quarantined_and_run_anew_and_what_is_old_erased(
    stage: Stage, tenant_key: str
) -> None:
    log = stage.folder / "api.log"
    with Site() as site:
        async with (
            stage.worker("worker", BROWSER_MAX_PAGES="3", LEASE_S="15", ERASE_INTERVAL_S="0.2"),
            api(stage.environment(), log, tenant_key) as client,
        ):
            requests = [{"url": site.url("/tiny")}, {"url": site.url("/crash")}, {"html": "<p>x</p>"}]
            batch = await client.post("/v1/jobs/batch", json={"jobs": requests})
            assert batch.status_code == 202
            ids = [item["job"]["id"] for item in batch.json()["jobs"]]
            first, killer, last = [(await client.get(f"/v1/jobs/{id_}?wait=40")).json() for id_ in ids]
            assert (first["status"], last["status"]) == ("succeeded", "succeeded")
            assert (killer["status"], killer["error"]["type"]) == ("failed", "page_crashed")
            assert killer["attempt"] == 3
            assert await listed(client) == [killer["id"]]

            answer = await client.post(f"/v1/jobs/{killer['id']}/retry", headers=WAIT)
            assert (answer.status_code, answer.json()["status"]) == (200, "failed")
            again = answer.json()
            assert (again["retry_of"], again["attempt"]) == (killer["id"], 2)
            assert await listed(client) == [again["id"]]

            await stage.database.execute(
                "UPDATE jobs SET erase_at = now() - interval '1 s' WHERE id = $1", first["id"]
            )
            await gone(client, first)
            assert (await client.get(last["links"]["artifact"])).status_code == 307
    stored = stage.engines.s3.folder.glob(f"*/{stage.tenant_id}/**/*.png")
    assert [path.stem for path in stored] == [f"{last['id']}-1"]
