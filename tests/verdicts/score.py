"""How often verdicts agree with labels, and which thresholds agree best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tests.verdicts.cases import Rendered
from worker.render.verdict.judge import THRESHOLDS, Thresholds, judge

# What is tried for each threshold.
_CANDIDATES: Final[dict[str, Sequence[Any]]] = {
    "blank_share": (0.99, 0.995, 0.997, 0.999, 0.9995),
    "loading_letters": (10, 20, 40, 60, 80, 120, 200),
    "holders_share": (0.02, 0.04, 0.06, 0.08, 0.12, 0.2),
    "wall_letters": (300, 600, 900, 1200, 1600, 2400),
    "error_letters": (200, 400, 600, 800, 1000, 1400, 2000),
    "images_share": (0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Verdicts beside labels.

    Attributes:
        found: bad pages that are called bad.
        missed: bad pages that are not.
        wronged: fine pages that are called bad.
        named: bad pages that are called bad for a reason of their label.
    """

    found: list[Rendered]
    missed: list[Rendered]
    wronged: list[Rendered]
    named: int

    @property
    def precision(self) -> float:
        """Of the pages that are called bad, the share that are."""
        called = len(self.found) + len(self.wronged)
        return len(self.found) / called if called else 1.0

    @property
    def recall(self) -> float:
        """Of the bad pages, the share that are called bad."""
        bad = len(self.found) + len(self.missed)
        return len(self.found) / bad if bad else 1.0

    @property
    def quality(self) -> float:
        """The harmonic mean of both; and a little for the right reason."""
        both = self.precision + self.recall
        named = self.named / max(1, len(self.found))
        return (2 * self.precision * self.recall / both if both else 0.0) + named / 10


def agreement(cases: Iterable[Rendered], thresholds: Thresholds = THRESHOLDS) -> Agreement:
    """Judge pages."""
    found: list[Rendered] = []
    missed: list[Rendered] = []
    wronged: list[Rendered] = []
    named = 0
    for one in cases:
        verdict = judge(one.case, thresholds)
        if not one.page.is_bad:
            if not verdict.is_good:
                wronged.append(one)
        elif verdict.is_good:
            missed.append(one)
        else:
            found.append(one)
            named += not one.page.kind.reasons.isdisjoint(verdict.reasons)
    return Agreement(found, missed, wronged, named)


def chosen(cases: Sequence[Rendered]) -> Thresholds:
    """The thresholds that agree best with labels: one after the other, twice; the middle of the best ones."""
    thresholds = THRESHOLDS
    for _ in range(2):
        for field in fields(Thresholds):
            tried = {
                value: agreement(cases, replace(thresholds, **{field.name: value})).quality
                for value in _CANDIDATES[field.name]
            }
            best = [value for value, quality in tried.items() if quality == max(tried.values())]
            thresholds = replace(thresholds, **{field.name: best[len(best) // 2]})
    return thresholds
