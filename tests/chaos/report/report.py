"""The report of a run: for a terminal, as a section of docs/chaos.md, and as JSON."""

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Table
from tests.chaos.cases.controls import ControlResult
from tests.chaos.cases.scale import Scale
from tests.chaos.report import plots
from tests.chaos.report.recovery import KILL, Recovery
from tests.chaos.report.verdict import Verdict

PAGE: Final = "chaos.md"
FOLDER: Final = "chaos"
_WIDTH: Final = 110
_KEPT: Final = "Every promise was kept."
_BROKEN: Final = "Not every promise was kept."
_MARKER: Final = "<!-- report: everything below is written by make chaos -->\n"


@dataclass(frozen=True, slots=True)
class Report:
    """A run with its controls.

    Attributes:
        facts: when, with which command, on which machine.
    """

    scale: Scale
    verdict: Verdict
    controls: Sequence[ControlResult]
    facts: str

    @property
    def holds(self) -> bool:
        """Whether every promise was kept and each control has failed, as it should."""
        return not self.verdict.violations and all(shown.fails_as_it_should for shown in self.controls)

    def tables(self) -> list[tuple[str, Table]]:
        """All tables with their titles."""
        verdict = self.verdict
        return [
            ("What must be", _promises(self)),
            ("Episodes", Table(("episode", "shown"), [(one.episode, one.shown) for one in verdict.proofs])),
            ("Seconds until a worker that had lost a part of its browser rendered again", _measured(verdict)),
            ("Faults, and seconds until a job that was hit ran again or ended", _faults(verdict)),
            ("Looked at each second", _invariants(verdict)),
            ("How jobs ended", _counted("state, or error type", verdict.ends)),
            ("How attempts ended", _counted("outcome", verdict.outcomes)),
            ("Refused or repeated, as it should be", _refused(verdict)),
        ]

    def markdown(self) -> str:
        """The section of the page."""
        end = _KEPT if self.holds else f"**{_BROKEN}**"
        blocks = ["## The last recorded run", textwrap.fill(f"{end} {self.facts}", _WIDTH)]
        blocks += [f"- {violation}" for violation in self.verdict.violations]
        blocks += [f"### {title}\n\n{table.markdown()}" for title, table in self.tables() if table.rows]
        blocks.append(f"![accepted, ended and open jobs with every fault]({FOLDER}/{plots.TIMELINE})")
        blocks.append(f"![recovery times by fault]({FOLDER}/{plots.RECOVERY})")
        blocks.append(f"Every figure, fault and second: [report.json]({FOLDER}/report.json).\n")
        return "\n\n".join(blocks)

    def text(self) -> str:
        """The report for a terminal."""
        blocks = [f"{title}\n{table.text()}" for title, table in self.tables() if table.rows]
        broken = [f"BROKEN: {violation}" for violation in self.verdict.violations]
        end = _KEPT if self.holds else _BROKEN
        return "\n\n".join([*blocks, *broken, f"{end} {self.facts}"])

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        values = {name: getattr(self.verdict, name) for name in Verdict.__slots__}
        values["proofs"] = [asdict(proof) for proof in self.verdict.proofs]
        values["samples"] = [
            [round(one.at - self.verdict.began_at, 1), one.accepted, one.ended, one.queued, one.running]
            for one in self.verdict.samples
        ]
        values["fault_events"] = [
            {
                "kind": one.kind,
                "at_s": round(one.began_at - self.verdict.began_at, 2),
                "lasted_s": round((one.ended_at or one.began_at) - one.began_at, 2),
                "detail": one.detail,
            }
            for one in self.verdict.fault_events
        ]
        values["recoveries"] = [
            [one.kind, None if one.seconds is None else round(one.seconds, 2), one.is_undisturbed]
            for one in self.verdict.recoveries
        ]
        return {
            "facts": self.facts,
            "holds": self.holds,
            "scale": asdict(self.scale),
            "violations": self.verdict.violations,
            "controls": [asdict(shown) for shown in self.controls],
            **values,
        }

    def write(self, docs: Path) -> Path:
        """Replace the last report in the page, and write JSON and plots. Returns the path of the page."""
        folder = docs / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(_compact(self.document()))
        plots.timeline(folder / plots.TIMELINE, self.verdict)
        plots.recovery(folder / plots.RECOVERY, self.verdict.recoveries)
        page = docs / PAGE
        head = page.read_text().partition(_MARKER)[0] if page.exists() else "# Chaos\n\n"
        page.write_text(f"{head.rstrip()}\n\n{_MARKER}\n{self.markdown()}")
        return page


def _compact(document: Mapping[str, Any]) -> str:
    """JSON with one line per field, and one line per second or fault in long lists."""
    lines = []
    for name, value in document.items():
        if isinstance(value, list) and len(value) > 1:
            items = ",\n    ".join(json.dumps(item) for item in value)
            lines.append(f"  {json.dumps(name)}: [\n    {items}\n  ]")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _promises(report: Report) -> Table:
    verdict, scale = report.verdict, report.scale
    kills = [one for one in verdict.recoveries if one.kind == KILL and one.is_undisturbed]
    rows = [
        ("jobs accepted", f"{verdict.accepted:,}"),
        ("faults", f"{sum(verdict.faults.values()):,}"),
        ("lost: accepted and never ended", f"{len(verdict.lost)}"),
        ("recorded twice", f"{len(verdict.twice)}"),
        ("illegal changes of state", f"{len(verdict.illegal)}"),
        ("ends that nothing accounts for", f"{len(verdict.unexplained)}"),
        ("artifacts read back; missing or damaged", f"{verdict.artifacts:,}; {len(verdict.bad_artifacts)}"),
        (
            f"jobs of a SIGKILLed worker, nothing else in the way; later than {scale.recovery_bound_s:g} s",
            f"{len(kills)}; {len(verdict.late_kills)}",
        ),
        ("processes left behind", f"{len(verdict.left_behind)}"),
        *((f"without the {one.without}: {one.must_be}", f"{one.found}") for one in report.controls),
    ]
    return Table(("", "found"), rows)


def _measured(verdict: Verdict) -> Table:
    rows = [(name, figure(seconds)) for one in verdict.proofs for name, seconds in one.measured_s.items()]
    return Table(("part and signal", "s"), rows)


def _faults(verdict: Verdict) -> Table:
    rows = [
        _spread(kind, f"{count}", [one for one in verdict.recoveries if one.kind == kind])
        for kind, count in sorted(verdict.faults.items())
    ]
    calm = [one for one in verdict.recoveries if one.kind == KILL and one.is_undisturbed]
    rows.append(_spread(f"{KILL}, nothing else in the way", "", calm))
    rows.append(_spread("all", f"{sum(verdict.faults.values())}", verdict.recoveries))
    return Table(("fault", "times", "jobs hit", "p50", "p90", "max"), rows)


def _spread(name: str, count: str, found: Sequence[Recovery]) -> tuple[str, ...]:
    seconds = [one.seconds for one in found if one.seconds is not None]
    figures = [figure(percentile(seconds, percent)) for percent in (50, 90, 100)] if seconds else ["", "", ""]
    return (name, count, f"{len(found)}", *figures)


def _invariants(verdict: Verdict) -> Table:
    rows = [
        (name, f"{looks}", f"{excused}", f"{len(broken)}")
        for name, (looks, excused, broken) in verdict.invariants.items()
    ]
    return Table(("", "looks", "excused by a fault", "broken"), rows)


def _counted(title: str, counts: Counter[str]) -> Table:
    return Table((title, "times"), [(name, f"{count:,}") for name, count in counts.most_common()])


def _refused(verdict: Verdict) -> Table:
    rows = [(f"stale: {what}", f"{count}") for what, count in verdict.stale.most_common()]
    rows += [(f"call repeated, {what}", f"{count}") for what, count in verdict.refusals.most_common()]
    rows += [
        (f"ended by itself and was replaced, {what}", f"{count}") for what, count in verdict.own_ends.items()
    ]
    rows += [(f"logged as an error: {what}", f"{count}") for what, count in verdict.errors.most_common()]
    rows.append(("calls given up, never accepted", f"{verdict.given_up}"))
    rows.append(("objects of fenced attempts in S3", f"{verdict.orphans}"))
    return Table(("", "times"), rows)
