"""A tenant with ten thousand jobs: each page is as one with few, and shows a part at a time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
import pytest_asyncio

from api.ui.dashboard_page import DashboardPage
from api.ui.site import PAGES
from fleet.schedules import schedule as schedules
from fleet.schedules.request import ScheduleRequest
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.many_jobs import FILL
from tests.kit.data.vaults import VAULT
from tests.ui.kit.dashboard import Dashboard, of_new_tenant
from tests.ui.test_pages import LOOKS, check

MANY: Final = 10_000


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def crowded(full: Dashboard) -> AsyncIterator[Dashboard]:
    """The full dashboard for an operator whose own tenant has that many; they go afterwards."""
    tenant = await of_new_tenant(full)
    database, tenant_id = full.stage.database, tenant.stage.tenant_id
    wanted = ScheduleRequest.model_validate({"cron": "@yearly", "job": {"url": "https://example.com/"}})
    made = await schedules.create(database, VAULT, tenant_id=tenant_id, wanted=wanted)
    assert made is not None
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name=tenant.tenant_name, key_name="all", scopes=frozenset(Scope)
        )
        await connection.execute(FILL, tenant_id, MANY, made.id, timedelta(minutes=1))
        await connection.execute("ANALYZE jobs")
    job_id = await database.fetchval("SELECT max(id::text) FROM jobs WHERE tenant_id = $1", tenant_id)
    own = {"job_id": job_id, "schedule_id": str(made.id), "tenant_id": str(tenant_id)}
    yield replace(tenant, key=key, filled=full.filled | own)
    await database.execute("DELETE FROM jobs WHERE tenant_id = $1", tenant_id)


# Forms show no jobs; and of the messages of a webhook a full dashboard has thousands.
_SHOWING_JOBS: Final = [
    page for page in PAGES if not {"webhooks", "playground", "new", "edit"} & set(page.path.split("/"))
]


@pytest.mark.parametrize("page", _SHOWING_JOBS, ids=lambda page: page.path)
async def test_a_page_with_ten_thousand_jobs(crowded: Dashboard, page: DashboardPage) -> None:
    # Each theme and each width was examined with a few jobs.
    await check(crowded, page, examined=LOOKS[:1])


async def test_a_list_shows_a_part_and_its_end_is_reached(crowded: Dashboard) -> None:
    async with crowded.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/jobs?status=failed&host=shop-0.example")
        pages = [await visit.page.locator("[data-row]").count()]
        while await visit.follow("Older jobs"):
            pages.append(await visit.page.locator("[data-row]").count())
        assert pages == [50] * (MANY // 50 // 50)
        await visit.open("/ui/queue")
        assert await visit.page.locator("tr[id^=held-]").count() == 50
        tenant = visit.page.locator("tr", has_text=crowded.tenant_name).first
        assert "1,000 for later" in await tenant.inner_text()
