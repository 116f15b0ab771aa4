"""Schedules with pictures of which some have changed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fleet.schedules import schedule as schedules
from fleet.schedules.request import ScheduleRequest
from tests.kit.data.vaults import VAULT
from tests.kit.documents.drawn_pages import drawn_page
from tests.ui.filling.jobs import COLOURS, HOSTILE, Maker
from tests.ui.kit.dashboard import Dashboard

# How many offers the page had each day; where it differs, the picture changed.
OFFERS = (3, 3, 4, 4, 4, 6, 6, 5, 5)


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Make them."""
    maker = Maker(dashboard)
    try:
        paused = await _made(
            maker, name=HOSTILE, cron="*/15 * * * *", enabled=False, job={"html": "<p>x</p>"}
        )
        await maker.database.execute(
            "UPDATE schedules SET last_error_type = 'quota_exceeded', last_error_at = now(), "
            "last_error_detail = 'you had as many queued jobs as you may have' WHERE id = $1",
            paused,
        )
        shown = await _made(
            maker,
            name="Offers of the shop",
            cron="0 9 * * MON-FRI",
            timezone="Europe/Berlin",
            job={"url": "https://shop.example/offers", "full_page": True, "headers": {"x-key": "secret"}},
            deliver="when_changed",
            compare={"method": "visible", "threshold": 0.001, "ignore_selectors": [".clock"]},
        )
        await _pictures(maker, shown)
        return {"schedule_id": str(shown)}
    finally:
        maker.store.close()


async def _made(maker: Maker, **options: Any) -> UUID:
    wanted = ScheduleRequest.model_validate(options)
    made = await schedules.create(maker.database, VAULT, tenant_id=maker.tenant_id, wanted=wanted)
    assert made is not None
    return made.id


async def _pictures(maker: Maker, schedule_id: UUID) -> None:
    before = None
    for number, offers in enumerate(OFFERS):
        ago = timedelta(days=len(OFFERS) - number)
        png = drawn_page(COLOURS["shop.example"], offers=offers)
        job = await maker.picture(png, ago=ago, title="Offers", url="https://shop.example/offers")
        is_same = number > 0 and OFFERS[number - 1] == offers
        comparison = {
            "compared_with": None if before is None else str(before),
            "method": "visible",
            "threshold": 0.001,
            "equal": is_same,
            "distance": None if before is None else 0.0 if is_same else 0.0631,
            "share": None if before is None else 0.0 if is_same else 0.0631,
            "differing_share": None if before is None else 0.0 if is_same else 0.0702,
        }
        await maker.database.execute(
            "UPDATE jobs SET schedule_id = $2, scheduled_for = $3, unchanged = $4, comparison = $5 "
            "WHERE id = $1",
            job.id,
            schedule_id,
            datetime.now(UTC) - ago,
            is_same,
            json.dumps(comparison),
        )
        before = job.id
