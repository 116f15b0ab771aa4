"""What the full dashboard of the tests has: one module of `tests/ui/filling` for each kind of thing."""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.ui.filling import fleet, jobs, schedules, tenants, waiting_jobs, webhooks
from tests.ui.kit.dashboard import Dashboard

# Each returns what addresses of pages need: {"job_id": "..."} for `/ui/jobs/{job_id}`.
FILLING: Final[tuple[Callable[[Dashboard], Awaitable[dict[str, str]]], ...]] = (
    fleet.fill,
    jobs.fill,
    waiting_jobs.fill,
    schedules.fill,
    tenants.fill,
    webhooks.fill,
)
