"""Webhooks: one with thousands of messages, one that fails, one that is disabled, one of a hostile name."""

from uuid import UUID

from tests.ui.kit.dashboard import Dashboard

BUSY = "https://example.com/hooks/renders"
FAILING = "https://example.com/hooks/down"
GONE = "https://example.com/hooks/gone"
HOSTILE = "https://example.com/%3Cscript%3Ealert(1)%3C/script%3E'onmouseover=alert(1)/" + "x" * 300
MANY = 5_000
# Each tenth has failed, and each hundredth waits.
_MESSAGES = """
    WITH made AS (
        INSERT INTO webhook_outbox (job_id, tenant_id, url, state, error, attempt, tries, ended_at,
                                    created_at)
        SELECT $1, $2, $3 || '?n=' || n,
               CASE WHEN n % 100 = 0 THEN 'pending' WHEN n % $5 = 0 THEN 'failed' ELSE 'delivered' END,
               CASE WHEN n % $5 = 0 THEN 'http_status' END, 1, 1,
               CASE WHEN n % 100 = 0 THEN NULL ELSE now() - n * interval '1 minute' END,
               now() - n * interval '1 minute'
        FROM generate_series(1, $4::integer) AS n
        RETURNING id, state, created_at
    )
    INSERT INTO webhook_attempts (message_id, attempt, at, status, duration_ms, error)
    SELECT id, 1, created_at, CASE WHEN state = 'failed' THEN 500 ELSE 204 END, 12.5,
           CASE WHEN state = 'failed' THEN 'http_status' END
    FROM made
"""


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Some messages are about a job that was cancelled."""
    body = {"url": "https://example.com/told", "webhook_url": f"{BUSY}?token=s3cret"}
    job = (await dashboard.client.post("/v1/jobs", json=body)).raise_for_status().json()
    (await dashboard.client.delete(f"/v1/jobs/{job['id']}")).raise_for_status()
    ids = {}
    for url in (BUSY, FAILING, GONE, HOSTILE):
        answer = await dashboard.client.post("/v1/webhooks", json={"url": url})
        ids[url] = answer.raise_for_status().json()["id"]
    database, tenant_id = dashboard.stage.database, dashboard.stage.tenant_id
    await database.execute(_MESSAGES, UUID(job["id"]), tenant_id, BUSY, MANY, 10)
    await database.execute(_MESSAGES, UUID(job["id"]), tenant_id, FAILING, 7, 1)
    # A worker of another test of this session would try to send what is due, and change what pages show.
    await database.execute(
        "UPDATE webhook_outbox SET next_attempt_at = now() + interval '1 day' WHERE state = 'pending'"
    )
    await database.execute("UPDATE webhook_endpoints SET disabled_at = now() WHERE id = $1", UUID(ids[GONE]))
    deliveries = (await dashboard.client.get(f"/v1/jobs/{job['id']}/deliveries")).json()["deliveries"]
    message = next(one for one in deliveries if one["error"] is not None)
    return {"webhook_id": ids[BUSY], "delivery_id": message["id"]}
