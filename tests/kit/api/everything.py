"""Uses all of a fleet, for tests of what it stands on: roles, poolers, addresses."""

import httpx


async def use_everything(client: httpx.AsyncClient) -> None:
    """Calls that together reach every table and every command."""
    waiting = {"Prefer": "wait=30"}
    job = {"html": "<h1>least</h1>", "webhook_url": "https://hooks.example/x", "headers": {"X-A": "b"}}
    assert (await client.post("/v1/fleet/pause", json={})).status_code == 200
    queued = (await client.post("/v1/jobs", json={"html": "x"})).json()
    cancelled = await client.delete(queued["links"]["self"])
    assert cancelled.json()["status"] == "cancelled"
    assert (await client.post("/v1/fleet/resume", json={})).status_code == 200
    del job["headers"]
    done = await client.post("/v1/jobs", json=job, headers=waiting)
    assert (done.status_code, done.json()["status"]) == (200, "succeeded")
    batch = await client.post(
        "/v1/jobs/batch", json={"jobs": [{"html": "x"}]}, headers={"Idempotency-Key": "1"}
    )
    assert batch.status_code == 202
    schedule = {"cron": "0 9 * * *", "job": {"html": "x"}}
    made = await client.post("/v1/schedules", json=schedule)
    assert (await client.delete(made.json()["links"]["self"])).status_code == 204
    assert (await client.get("/v1/webhooks")).status_code == 200
    assert len((await client.get("/v1/fleet")).json()["workers"]) == 1
    assert (await client.get("/readyz")).json()["status"] == "ready"
    assert (await client.get("/metrics")).status_code == 200
    made = await client.post("/v1/admin/tenants", json={"name": "another", "max_requests_per_s": 100})
    assert made.status_code == 201
    assert (await client.delete(made.json()["links"]["self"])).status_code == 202
