"""The sections of docs/benchmarks.md: a soak, a leak audit, or browsers that were killed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Aim, Plot, Section, Table
from tests.soak import plots
from tests.soak.load import RenderEnd
from tests.soak.memory import Memory, Part
from tests.soak.result import MemorySample, RunResult
from tests.soak.verdict import MB, audit_aims, growth, kill_aims, soak_aims

_MINUTE_S: Final = 60.0
_REST: Final = (
    "*At rest*: every job has ended, each worker has one browser with a warm page and uses no CPU; the "
    "median of some seconds. PSS counts a page of memory that processes share by its part for each. *Own* "
    "is PSS without programs and libraries, which other browsers on the machine share too."
)


@dataclass(frozen=True, slots=True)
class SectionKind:
    """One kind of section.

    Attributes:
        name: of the section and of its plot.
        title: its heading.
        aims: what is checked.
    """

    name: str
    title: str
    aims: Callable[[RunResult], list[Aim]]

    def section(self, result: RunResult, folder: Path) -> Section:
        """The section about a run."""
        section = Section(self.title, aims=self.aims(result))
        section.parts += [_what(result), Table(("", "figure"), _summary(result))]
        if result.idle:
            section.parts += [_REST, _at_rest(result)]
        if rates := _growth(result):
            section.parts.append(rates)
        section.parts.append(_kinds(result))
        if result.ledger.failed:
            section.parts.append(_failed(result))
        if result.samples:
            plot = plots.memory(folder / f"{self.name}.png", result, title=self.title)
            section.parts.append(Plot(plot, "memory of each worker over time"))
        return section


SOAK: Final = SectionKind("soak", "Soak: thousands of renders, good pages and leaky ones", soak_aims)
AUDIT: Final = SectionKind("leak_audit", "Leak audit: workers beside each other", audit_aims)
KILLS: Final = SectionKind("browser_kills", "Browsers killed under load", kill_aims)


def _what(result: RunResult) -> str:
    plan = result.plan
    leaky = sum(kind.share for kind in plan.mix if kind.is_leaky) / sum(kind.share for kind in plan.mix)
    words = (
        f"{plan.workers} workers with {plan.pages} slots each, one API process, all engines; {plan.callers} "
        f"callers, each with one job in flight. {len(plan.mix)} kinds of renders in random order (seed "
        f"{plan.seed}); {leaky:.0%} of them are of pages that keep all memory or run scripts without end. "
        f"One artifact in {plan.check_every} is read back, decoded and compared with its job's document."
    )
    if plan.kill_every_s is not None:
        words += (
            f" Every {plan.kill_every_s:g} s the browser process of one worker after the other gets SIGKILL."
        )
    return words


def _summary(result: RunResult) -> list[tuple[str, str]]:
    ledger, renders = result.ledger, result.renders
    rows = [
        ("renders that ended", f"{renders:,}"),
        ("failed, by error type", _counts(Counter(end.word for end in ledger.failed))),
        ("ended after more than one attempt", f"{sum(end.attempt > 1 for end in ledger.ends):,}"),
        ("artifacts read back; flawed", f"{ledger.checked:,}; {len(ledger.flaws)}"),
        ("calls refused; connections made anew", f"{_counts(ledger.refused)}; {ledger.reconnected}"),
        ("browsers replaced as planned, by reason", _counts(result.recycles)),
        ("browsers that ended otherwise, by reason", _counts(result.crashes)),
        ("minutes under load", figure(result.load_s / _MINUTE_S)),
        ("renders a second", figure(renders / result.load_s) if result.load_s else ""),
    ]
    if renders:
        parts = ", ".join(f"{part} {figure(1000 * spent / renders)}" for part, spent in result.cpu_s.items())
        total = figure(1000 * sum(result.cpu_s.values()) / renders)
        rows.append(("CPU ms a render", f"{total} ({parts})"))
    back_s = [kill.back_s for kill in result.kills if kill.back_s is not None]
    if back_s:
        spread = f"{figure(percentile(back_s, 50))}; {figure(max(back_s))}"
        rows.append((f"s from {len(result.kills)} kills to the next browser: p50; max", spread))
    return rows


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in counts.most_common()) or "none"


def _at_rest(result: RunResult) -> Table:
    header = ("renders", "minute", "PSS a worker, MB", "lowest", "highest", "own", *Part, "generations")
    return Table(header, [_moment(result, moment) for moment in result.idle])


def _moment(result: RunResult, moment: MemorySample) -> tuple[str, ...]:
    totals = [one.total / MB for one in moment.memory.values()]

    def mean(of: Callable[[Memory], float]) -> str:
        return figure(sum(of(one) for one in moment.memory.values()) / len(moment.memory) / MB)

    return (
        f"{moment.renders:,}",
        f"{moment.at_s / _MINUTE_S:.1f}",
        figure(moment.mean_total / MB),
        figure(min(totals)),
        figure(max(totals)),
        mean(lambda one: one.own),
        *(mean(lambda one, part=part: one.parts[part]) for part in Part),  # type: ignore[misc]
        ", ".join(_generations(result, moment)),
    )


def _generations(result: RunResult, moment: MemorySample) -> list[str]:
    """The generation of each worker's browser at that time, as its renders tell it."""
    latest = dict.fromkeys(moment.memory, 1)
    for end in result.ledger.ends:
        worker = result.names.get(end.worker_id, "")
        if end.at - result.began_at <= moment.at_s and worker in latest:
            latest[worker] = max(latest[worker], end.generation)
    return [f"{generation}" for generation in latest.values()]


def _growth(result: RunResult) -> Table | None:
    rows = [
        (worker, f"{one.renders:,}", figure(one.bytes_per_hour / MB), f"{one.kb_per_render:+.1f}")
        for worker, one in growth(result).items()
    ]
    header = ("own memory at rest", "renders", "MB an hour", "KB a render")
    return Table(header, rows) if rows else None


def _kinds(result: RunResult) -> Table:
    groups: dict[str, list[RenderEnd]] = defaultdict(list)
    for end in result.ledger.ends:
        groups[end.kind].append(end)
    rows = [_kind(name, groups[name]) for name in (kind.name for kind in result.plan.mix) if name in groups]
    return Table(("render", "times", "failed", "total p50, ms", "p99", "max"), rows)


def _kind(name: str, ends: Sequence[RenderEnd]) -> tuple[str, ...]:
    good = [end.total_ms for end in ends if end.word == "succeeded"]
    figures = [figure(percentile(good, percent)) for percent in (50, 99, 100)] if good else ["", "", ""]
    return (name, f"{len(ends):,}", f"{len(ends) - len(good)}", *figures)


def _failed(result: RunResult) -> Table:
    counts = Counter((end.kind, end.word, end.detail) for end in result.ledger.failed)
    rows = [(kind, word, detail, f"{count}") for (kind, word, detail), count in counts.most_common(20)]
    return Table(("failed", "error type", "detail", "times"), rows)
