"""The last six hours of the fleet, as small curves for its page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from api.ui.pages.fleet.sparkline import Sparkline
from fleet.database import Database
from fleet.history.read import FleetSample, Period, counted_until, ended_counts, fleet_samples
from fleet.jobs.job import State

_SPAN: Final = timedelta(hours=6)
_STEP: Final = timedelta(minutes=6)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RecentFleet:
    """What has happened lately.

    Attributes:
        failed: how many jobs failed in the last hour that is counted.
        ended: how many jobs ended in it.
        curves: by what they show.
    """

    failed: int
    ended: int
    curves: dict[str, Sparkline]


async def recent_fleet(database: Database) -> RecentFleet:
    """Read it."""
    until = await counted_until(database)
    period = Period(until - _SPAN, until, _STEP)
    samples = {sample.at: sample for sample in await fleet_samples(database, period, with_memory=False)}
    counts = await ended_counts(database, period, tenant_id=None)
    last_hour = [states for at, states in counts.items() if at >= until - _HOUR]

    def sampled(figure: Callable[[FleetSample], float]) -> Sparkline:
        found = (samples.get(at) for at in period.points)
        return Sparkline.of([None if sample is None else figure(sample) for sample in found])

    failures = [counts[at][State.FAILED] if at in counts else 0 for at in period.points]
    return RecentFleet(
        failed=sum(states[State.FAILED] for states in last_hour),
        ended=sum(sum(states.values()) for states in last_hour),
        curves={
            "queued": sampled(lambda sample: sample.queued),
            "oldest": sampled(lambda sample: sample.oldest_queued_s),
            "running": sampled(lambda sample: sample.running),
            "failed": Sparkline.of(failures if any(failures) or samples else []),
            "workers": sampled(lambda sample: sample.workers),
        },
    )
