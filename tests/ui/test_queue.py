"""The page of the queue: who is next, cancelling, and Redis away."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx

from fleet.jobs import read
from fleet.jobs.job import State
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.api.calls import enqueue
from tests.kit.data.tenants import find_tenant
from tests.kit.processes import free_port
from tests.kit.servers.tcp_forwarder import forwarded
from tests.ui.kit.another_api import another_api
from tests.ui.kit.dashboard import Dashboard, until_not_told, until_told


async def test_jobs_stand_in_the_order_in_which_they_will_be_taken(empty: Dashboard) -> None:
    """Priority orders a tenant's own jobs; tenants take turns, by weight."""
    database = empty.stage.database
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="neighbour", key_name="x", scopes=frozenset({Scope.RENDER})
        )
    made = [
        await enqueue(empty.client, {"url": "https://one.example/", "priority": 1}),
        await enqueue(empty.client, {"url": "https://two.example/", "priority": 9}),
        await enqueue(empty.client, {"url": "https://three.example/", "priority": 5}),
    ]
    other = await enqueue(empty.client, {"url": "https://neighbour.example/"}, Authorization=f"Bearer {key}")
    tenant = await find_tenant(database, key)
    assert tenant is not None
    try:
        async with empty.visit() as visit:
            await visit.open("/ui/queue")
            rows = await visit.page.locator("tr[id^=next-] th").all_inner_texts()
            assert [row.split("/")[2] for row in rows] == [
                "two.example",
                "neighbour.example",
                "three.example",
                "one.example",
            ]
            moved = visit.page.locator("tr", has_text="one.example")
            await moved.get_by_label("Priority").select_option("9")
            await until_told(visit, "The job has priority 9 now.")
            after = await visit.page.locator("tr[id^=next-] th").all_inner_texts()
            assert [row.split("/")[2][:3] for row in after] == ["one", "nei", "two", "thr"]
            visit.page.on("dialog", lambda dialog: dialog.accept())
            row = visit.page.locator("tr", has_text="neighbour.example")
            await row.get_by_role("button", name="Cancel").click()
            await until_told(visit, "The job is cancelled.")
            assert "neighbour.example" not in await visit.text()
        found = await read.get(database, job_id=UUID(other["id"]), tenant_id=tenant.id)
        assert found is not None
        assert found.state is State.CANCELLED
        async with empty.visit() as visit:
            await visit.open("/ui/queue")
            visit.page.on("dialog", lambda dialog: dialog.dismiss())
            await visit.page.get_by_role("button", name="Cancel").first.click()
            await visit.page.reload()
            assert "two.example" in await visit.text()
    finally:
        for job in made:
            await empty.client.delete(f"/v1/jobs/{job['id']}")
        # It is to be empty for others.
        await database.execute("DELETE FROM jobs")
        await database.execute("DELETE FROM api_keys WHERE tenant_id = $1", tenant.id)
        await database.execute("DELETE FROM tenants WHERE id = $1", tenant.id)


async def test_a_job_that_has_ended_meanwhile_is_told_so(full: Dashboard) -> None:
    made = await enqueue(full.client, {"url": "https://gone.example/", "priority": 9})
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/queue")
        await full.client.delete(f"/v1/jobs/{made['id']}")
        row = visit.page.locator("tr", has_text="gone.example")
        await row.get_by_role("button", name="Cancel").click()
        await until_told(visit, "Not cancelled: the job ended as cancelled.")


async def test_while_redis_is_away_the_page_says_what_it_does_not_know(
    full: Dashboard, tmp_path: Path
) -> None:
    port = free_port()
    made = await enqueue(full.client, {"url": "https://waits.example/"})
    # Other tests have queued some, too: it is among those that have waited longest.
    longest = "UPDATE jobs SET queued_at = now() - interval '1 day' WHERE id = $1"
    await full.stage.database.execute(longest, UUID(made["id"]))
    async with (
        forwarded(f"{full.stage.engines.redis_url}/") as (forwarder, url),
        another_api(
            full, tmp_path / "api.log", port, REDIS_URL=f"{url.rstrip('/')}/{full.stage.redis_database}"
        ),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        replace(full, client=client).visit() as visit,
    ):
        await forwarder.cut()
        await visit.open("/ui/queue")
        assert "Redis does not answer" in await visit.text()
        assert "waits.example" in await visit.text()
        await forwarder.resume()
        await until_not_told(visit, "Redis does not answer")
    await full.client.delete(f"/v1/jobs/{made['id']}")
