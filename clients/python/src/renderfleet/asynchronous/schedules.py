"""Calls about schedules."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from renderfleet.asynchronous.lists import all_pages
from renderfleet.asynchronous.runner import AsyncRunner
from renderfleet.models.jobs import Job
from renderfleet.models.schedules import Schedule
from renderfleet.operations import schedules


class AsyncScheduleCalls:
    """`client.schedules`: jobs at the times of cron expressions."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def create(
        self,
        cron: str,
        job: Mapping[str, Any],
        *,
        name: str | None = None,
        timezone: str | None = None,
        deliver: str | None = None,
        compare: Mapping[str, Any] | None = None,
        enabled: bool | None = None,
    ) -> Schedule:
        """Make a schedule.

        Args:
            cron: when, such as `0 9 * * MON-FRI`.
            job: what is rendered each time.
            name: your own name for it.
            timezone: for `cron`, such as `Europe/Berlin`; UTC if none is given.
            deliver: `always`, or `when_changed`.
            compare: with when_changed: when two pictures are equal.
            enabled: whether it makes jobs from now on.
        """
        more = {
            "name": name,
            "timezone": timezone,
            "deliver": deliver,
            "compare": compare,
            "enabled": enabled,
        }
        return await self._runner.run(schedules.create(cron, job, more, self._runner.budget))

    async def replace(
        self,
        schedule: Schedule | str,
        cron: str,
        job: Mapping[str, Any],
        *,
        name: str | None = None,
        timezone: str | None = None,
        deliver: str | None = None,
        compare: Mapping[str, Any] | None = None,
        enabled: bool | None = None,
    ) -> Schedule:
        """Replace a schedule by another one with the same id; arguments as of `create`."""
        more = {
            "name": name,
            "timezone": timezone,
            "deliver": deliver,
            "compare": compare,
            "enabled": enabled,
        }
        return await self._runner.run(schedules.replace(schedule, cron, job, more, self._runner.budget))

    async def get(self, schedule: Schedule | str) -> Schedule:
        """The schedule as it is now."""
        return await self._runner.run(schedules.read(schedule, self._runner.budget))

    def iter(self) -> AsyncIterator[Schedule]:
        """Your schedules, newest first."""
        return all_pages(self._runner, schedules.PATH, "schedules", Schedule)

    async def enable(self, schedule: Schedule | str) -> Schedule:
        """Let it make jobs from its next time on; missed times are skipped."""
        return await self._runner.run(schedules.switch(schedule, enabled=True, budget=self._runner.budget))

    async def disable(self, schedule: Schedule | str) -> Schedule:
        """Let it make no more jobs."""
        return await self._runner.run(schedules.switch(schedule, enabled=False, budget=self._runner.budget))

    async def run(self, schedule: Schedule | str) -> Job:
        """Make a job of it now; its times stay as they are."""
        return await self._runner.run(schedules.run(schedule, self._runner.budget))

    async def delete(self, schedule: Schedule | str) -> None:
        """Delete it; its jobs stay."""
        return await self._runner.run(schedules.delete(schedule, self._runner.budget))
