"""Verdicts agree with what a person would say of pages: a few of each kind, with a floor for all of them."""

from collections.abc import Iterator

import pytest

from tests.kit.stages.browser_stage import BrowserStage
from tests.verdicts.cases import rendered
from tests.verdicts.corpus import KINDS, PAGES, served
from tests.verdicts.score import agreement
from worker.render.verdict.judge import judge

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# One variation of every second design for trying, without those that wait for what never comes.
SUBSET = [
    page for page in PAGES if page.is_for_trying and page.name.endswith("/0") and "hanging" not in page.name
][::2]
# A rule that does not hold any more costs more than this.
PRECISION = 0.95
RECALL = 0.95


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


async def test_verdicts_agree_with_labels(shared: BrowserStage, address: str) -> None:
    cases = await rendered(shared, address, SUBSET)
    result = agreement(cases)
    wrong = [(one.page.name, judge(one.case).reasons) for one in (*result.missed, *result.wronged)]
    assert result.precision >= PRECISION, wrong
    assert result.recall >= RECALL, wrong
    assert result.named >= RECALL * len(result.found)


def test_there_are_pages_of_each_kind_in_both_halves() -> None:
    assert len(PAGES) >= 200
    for kind in KINDS:
        halves = {page.is_for_trying for page in PAGES if page.kind is kind}
        assert halves == {True, False}, kind.name
