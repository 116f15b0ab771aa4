"""What waits: jobs of two tenants, some of them held back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.api.calls import enqueue
from tests.ui.kit.dashboard import Dashboard


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Jobs for later and parked ones, which stay also when a worker runs."""
    database = dashboard.stage.database
    later = datetime.now(UTC) + timedelta(hours=30)
    for priority in (1, 9):
        await enqueue(
            dashboard.client,
            {"url": "https://example.com/later", "priority": priority, "run_at": later.isoformat()},
        )
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="a neighbour", key_name="shop", scopes=frozenset({Scope.RENDER})
        )
    headers = {"Authorization": f"Bearer {key}"}
    for number in range(3):
        parked = await enqueue(
            dashboard.client, {"url": f"https://example.org/{'long/' * 40}{number}"}, **headers
        )
        await database.execute(
            "UPDATE jobs SET parked = true, dispatched_at = NULL WHERE id = $1", UUID(parked["id"])
        )
    return {}
