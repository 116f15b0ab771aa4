"""The table in docs/verdict.md."""

from collections.abc import Sequence
from typing import Final

from tests.kit.paths import ROOT
from tests.verdicts.cases import Rendered
from tests.verdicts.corpus import KINDS
from tests.verdicts.score import agreement
from worker.render.verdict.judge import judge

PAGE: Final = ROOT / "docs/verdict.md"
BEGIN: Final = "<!-- table: made by `python -m tests.verdicts` -->"


def table(cases: Sequence[Rendered]) -> str:
    """The figures of the pages that no threshold was chosen with, beside those of all."""
    lines = [
        "| pages | chosen with | tried with | of these called bad | for the right reason |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    tried = [one for one in cases if one.page.is_for_trying]
    for kind in KINDS:
        all_ = [one for one in cases if one.page.kind is kind]
        own = [one for one in all_ if one.page.is_for_trying]
        verdicts = [judge(one.case) for one in own]
        bad = [verdict for verdict in verdicts if not verdict.is_good]
        named = sum(not kind.reasons.isdisjoint(verdict.reasons) for verdict in bad)
        counts = f"{len(all_) - len(own)} | {len(own)} | {len(bad)} | {named if kind.reasons else ''}"
        lines.append(f"| {kind.name} | {counts} |")
    result, chosen = agreement(tried), agreement(one for one in cases if not one.page.is_for_trying)
    found, called = len(result.found), len(result.found) + len(result.wronged)
    summary = (
        f"Precision {result.precision:.2f}: of {called} pages that were called bad, {found} are. "
        f"Recall {result.recall:.2f}: of {found + len(result.missed)} bad pages, {found} were called bad. "
        f"With the half that the thresholds were chosen with: {chosen.precision:.2f} and {chosen.recall:.2f}."
    )
    wrong = f"Wrong in the half that was tried: {_named([*result.missed, *result.wronged])}."
    lines += ["", summary, "", wrong]
    return "\n".join(lines)


def write(cases: Sequence[Rendered]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(BEGIN) + len(BEGIN)] + f"\n\n{table(cases)}\n")


def _named(wrong: Sequence[Rendered]) -> str:
    names = sorted({f"`{one.page.name.rpartition('/')[0]}`" for one in wrong})
    return ", ".join(names) or "none"
