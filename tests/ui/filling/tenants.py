"""Tenants: one at its limits, and one of a hostile name with keys of each kind."""

from tests.ui.kit.dashboard import Dashboard

HOSTILE = "<script>alert(1)</script> \"'&" + "W" * 60


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Through the API, as operators do."""
    client = dashboard.client
    limits = {"max_queued": 10, "max_running": 2, "max_renders_per_month": 3, "weight": 2.5}
    full = (await client.post("/v1/admin/tenants", json={"name": "at its limits", **limits})).json()
    await dashboard.stage.database.execute(
        "INSERT INTO tenant_months (tenant_id, month, shard, accepted) "
        "SELECT id, date_trunc('month', now() AT TIME ZONE 'UTC'), 0, 3 FROM tenants WHERE id = $1",
        full["id"],
    )
    tenant = (await client.post("/v1/admin/tenants", json={"name": HOSTILE})).raise_for_status().json()
    for name, scopes in ((HOSTILE, ["read"]), ("second", ["render", "read", "links"])):
        key = {"tenant_id": tenant["id"], "name": name, "scopes": scopes, "expires_in_s": 3600}
        made = (await client.post("/v1/admin/keys", json=key)).raise_for_status().json()
    (await client.delete(f"/v1/admin/keys/{made['id']}")).raise_for_status()
    return {"tenant_id": tenant["id"]}
