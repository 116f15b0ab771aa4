"""What a run has shown: aims and findings, computed from its story alone."""

from dataclasses import dataclass
from typing import Final

from fleet.workers.leaks import high_outliers, slope_per_hour
from tests.bench.report.measure import figure
from tests.bench.report.report import Aim
from tests.soak.story import Moment, Story

MB: Final = 1e6
_KB: Final = 1e3
_HOUR_S: Final = 3600.0
_MAX_DRIFT: Final = 0.10
# Before this many moments at rest nothing is said about growth: caches fill, heaps find their size.
_WARM_UP_MOMENTS: Final = 2
_OPEN: Final = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast one worker's own memory grows at rest.

    Attributes:
        renders: of the worker, during the time that is looked at.
    """

    bytes_per_hour: float
    seconds: float
    renders: int

    @property
    def kb_per_render(self) -> float:
        """The same by work."""
        return self.bytes_per_hour * self.seconds / _HOUR_S / _KB / max(1, self.renders)


def growth(story: Story) -> dict[str, Growth]:
    """By worker; of programs and libraries nothing is counted, see `memory.py`."""
    moments = story.idle[_WARM_UP_MOMENTS:]
    if len(moments) < 2:  # a slope has two ends
        return {}
    begin, end = moments[0], moments[-1]
    found = {}
    for worker in end.memory:
        samples = [(one.at_s, one.memory[worker].own) for one in moments]
        renders = sum(
            story.names.get(one.worker_id) == worker and begin.at_s < one.at - story.began_at <= end.at_s
            for one in story.ledger.ends
        )
        found[worker] = Growth(slope_per_hour(samples), end.at_s - begin.at_s, renders)
    return found


def outstanding(story: Story) -> set[str]:
    """Workers that need far more than their peers at the last moment at rest."""
    return high_outliers(
        {worker: one.own for worker, one in story.idle[-1].memory.items()} if story.idle else {}
    )


def growing(story: Story) -> set[str]:
    """Workers that grow with their renders by more than the plan allows."""
    bound = story.plan.max_growth_kb
    return {worker for worker, one in growth(story).items() if one.kb_per_render > bound}


def soak_aims(story: Story) -> list[Aim]:
    """Nothing failed, and memory is where it was."""
    renders = story.plan.renders
    aims = [_nothing_failed(story, f"soak, {renders:,} renders")]
    if len(story.idle) > 1:
        first, last = story.idle[0], story.idle[-1]
        change = last.mean_total / first.mean_total - 1
        aims.append(
            Aim(
                f"PSS at rest after {first.renders:,} and {last.renders:,} renders within {_MAX_DRIFT:.0%}",
                f"{change:+.1%} ({_mb(first)} to {_mb(last)} MB a worker)",
                abs(change) <= _MAX_DRIFT and story.renders >= renders,
            )
        )
    return aims


def audit_aims(story: Story) -> list[Aim]:
    """No worker leaks; or, in the control, exactly the leaky one does."""
    bound, outside, growers = story.plan.max_growth_kb, outstanding(story), growing(story)
    rates = {worker: one.kb_per_render for worker, one in growth(story).items()}
    fastest = max(rates, key=lambda worker: rates[worker], default="")
    rate = f"fastest {fastest}, {rates[fastest]:+.1f} KB a render" if rates else "too few moments at rest"
    words = f"stands out: {', '.join(sorted(outside)) or 'none'}"
    rate = f"grows: {', '.join(sorted(growers)) or 'none'} ({rate})"
    if story.plan.leak_kb:
        leaky = f"worker-{story.plan.workers}"
        aim = f"control: only {leaky} is flagged, which keeps {story.plan.leak_kb:,} KB of each render"
        return [Aim(aim, f"{words}; {rate}", outside | growers == {leaky})]
    return [
        Aim("no worker stands out from its peers", words, not outside),
        Aim(f"no worker grows by more than {bound:g} KB a render", rate, bool(rates) and not growers),
        _nothing_failed(story, f"leak audit, {story.plan.renders:,} renders"),
    ]


def kill_aims(story: Story) -> list[Aim]:
    """Whatever was killed, each job succeeded, once."""
    ledger, plan = story.ledger, story.plan
    every = f"a browser SIGKILLed every {plan.kill_every_s:g} s for {plan.seconds:g} s under load"
    ended = sum(count for word, count in story.rows.items() if word not in _OPEN)
    lost = max(len(ledger.lost), ledger.accepted - ended)
    figures = f"{lost} of {ledger.accepted:,} ({len(story.kills)} kills)"
    return [
        Aim(f"{every}: 0 jobs lost", figures, lost == 0 and bool(story.kills)),
        Aim(f"{every}: 0 wrongly failed", _failures(story), not _has_failures(story)),
    ]


def _nothing_failed(story: Story, what: str) -> Aim:
    return Aim(f"{what}: 0 failed for reasons of ours", _failures(story), not _has_failures(story))


def _failures(story: Story) -> str:
    ledger = story.ledger
    return (
        f"{len(ledger.failed)} failed, {len(ledger.lost)} lost, {sum(ledger.refused.values())} calls "
        f"refused, {len(ledger.flaws)} of {ledger.checked} artifacts flawed, {story.own_ends} workers ended "
        f"by themselves, {len(story.left_behind)} processes left"
    )


def _has_failures(story: Story) -> bool:
    ledger = story.ledger
    counts = (ledger.failed, ledger.lost, ledger.refused, ledger.flaws, story.left_behind)
    return any(counts) or story.own_ends > 0 or not ledger.ends


def _mb(moment: Moment) -> str:
    return figure(moment.mean_total / MB)
