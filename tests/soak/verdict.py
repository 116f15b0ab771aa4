"""Computes from the result of a run which aims are met."""

from dataclasses import dataclass
from typing import Final

from fleet.workers.leaks import high_outliers, slope_per_hour
from tests.bench.report.measure import figure
from tests.bench.report.report import Aim
from tests.soak.result import MemorySample, RunResult

MB: Final = 1e6
_KB: Final = 1e3
_HOUR_S: Final = 3600.0
_MAX_DRIFT: Final = 0.10
# The first measurements at rest are left out of growth: caches fill, and heaps grow to their usual size.
_WARM_UP_MOMENTS: Final = 2
_OPEN: Final = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast one worker's own memory grows at rest.

    Attributes:
        renders: how many renders the worker has done meanwhile.
    """

    bytes_per_hour: float
    seconds: float
    renders: int

    @property
    def kb_per_render(self) -> float:
        """Growth per render, in KB."""
        return self.bytes_per_hour * self.seconds / _HOUR_S / _KB / max(1, self.renders)


def growth(result: RunResult) -> dict[str, Growth]:
    """Growth of each worker, without programs and libraries (see `memory.py`)."""
    moments = result.idle[_WARM_UP_MOMENTS:]
    if len(moments) < 2:  # a slope needs two points
        return {}
    begin, end = moments[0], moments[-1]
    found = {}
    for worker in end.memory:
        samples = [(one.at_s, one.memory[worker].own) for one in moments]
        renders = sum(
            result.names.get(one.worker_id) == worker and begin.at_s < one.at - result.began_at <= end.at_s
            for one in result.ledger.ends
        )
        found[worker] = Growth(slope_per_hour(samples), end.at_s - begin.at_s, renders)
    return found


def outliers(result: RunResult) -> set[str]:
    """Workers that need far more memory than their peers at the last measurement at rest."""
    return high_outliers(
        {worker: one.own for worker, one in result.idle[-1].memory.items()} if result.idle else {}
    )


def growing(result: RunResult) -> set[str]:
    """Workers that grow by more per render than the plan allows."""
    bound = result.plan.max_growth_kb
    return {worker for worker, one in growth(result).items() if one.kb_per_render > bound}


def soak_aims(result: RunResult) -> list[Aim]:
    """Nothing failed, and memory at rest has not changed much."""
    renders = result.plan.renders
    aims = [_nothing_failed(result, f"soak, {renders:,} renders")]
    if len(result.idle) > 1:
        first, last = result.idle[0], result.idle[-1]
        change = last.mean_total / first.mean_total - 1
        aims.append(
            Aim(
                f"PSS at rest after {first.renders:,} and {last.renders:,} renders within {_MAX_DRIFT:.0%}",
                f"{change:+.1%} ({_mb(first)} to {_mb(last)} MB a worker)",
                abs(change) <= _MAX_DRIFT and result.renders >= renders,
            )
        )
    return aims


def audit_aims(result: RunResult) -> list[Aim]:
    """No worker leaks; in the control, only the leaky one does."""
    bound, outside, growers = result.plan.max_growth_kb, outliers(result), growing(result)
    rates = {worker: one.kb_per_render for worker, one in growth(result).items()}
    fastest = max(rates, key=lambda worker: rates[worker], default="")
    rate = f"fastest {fastest}, {rates[fastest]:+.1f} KB a render" if rates else "too few moments at rest"
    words = f"stands out: {', '.join(sorted(outside)) or 'none'}"
    rate = f"grows: {', '.join(sorted(growers)) or 'none'} ({rate})"
    if result.plan.leak_kb:
        leaky = f"worker-{result.plan.workers}"
        aim = f"control: only {leaky} is flagged, which keeps {result.plan.leak_kb:,} KB of each render"
        return [Aim(aim, f"{words}; {rate}", outside | growers == {leaky})]
    return [
        Aim("no worker stands out from its peers", words, not outside),
        Aim(f"no worker grows by more than {bound:g} KB a render", rate, bool(rates) and not growers),
        _nothing_failed(result, f"leak audit, {result.plan.renders:,} renders"),
    ]


def kill_aims(result: RunResult) -> list[Aim]:
    """Although browsers were killed, each job succeeded, and none was lost."""
    ledger, plan = result.ledger, result.plan
    every = f"a browser SIGKILLed every {plan.kill_every_s:g} s for {plan.seconds:g} s under load"
    ended = sum(count for word, count in result.rows.items() if word not in _OPEN)
    lost = max(len(ledger.lost), ledger.accepted - ended)
    figures = f"{lost} of {ledger.accepted:,} ({len(result.kills)} kills)"
    return [
        Aim(f"{every}: 0 jobs lost", figures, lost == 0 and bool(result.kills)),
        Aim(f"{every}: 0 wrongly failed", _failures(result), not _has_failures(result)),
    ]


def _nothing_failed(result: RunResult, what: str) -> Aim:
    return Aim(f"{what}: 0 failed for reasons of ours", _failures(result), not _has_failures(result))


def _failures(result: RunResult) -> str:
    ledger = result.ledger
    return (
        f"{len(ledger.failed)} failed, {len(ledger.lost)} lost, {sum(ledger.refused.values())} calls "
        f"refused, {len(ledger.flaws)} of {ledger.checked} artifacts flawed, {result.own_ends} workers ended "
        f"by themselves, {len(result.left_behind)} processes left"
    )


def _has_failures(result: RunResult) -> bool:
    ledger = result.ledger
    counts = (ledger.failed, ledger.lost, ledger.refused, ledger.flaws, result.left_behind)
    return any(counts) or result.own_ends > 0 or not ledger.ends


def _mb(moment: MemorySample) -> str:
    return figure(moment.mean_total / MB)
