"""Renders the labelled pages, chooses thresholds with one half, and tries them with the other half."""

import asyncio
import sys

from tests.kit.stages.browser_stage import browser_stage
from tests.site.server import Site
from tests.verdicts import page_table
from tests.verdicts.cases import Rendered, rendered
from tests.verdicts.corpus import PAGES, served
from tests.verdicts.score import agreement, chosen
from worker.render.verdict.judge import THRESHOLDS, judge


async def _cases() -> list[Rendered]:
    with Site() as site, served() as address:
        async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
            return await rendered(stage, address, PAGES)


def main() -> int:
    """Write the table; 1 if other thresholds than those in use are better."""
    cases = asyncio.run(_cases())
    for one in cases:
        verdict = judge(one.case)
        is_right = verdict.is_good != one.page.is_bad
        has_name = not one.page.is_bad or not one.page.kind.reasons.isdisjoint(verdict.reasons)
        if not (is_right and has_name):
            half = "tried" if one.page.is_for_trying else "chosen"
            print(f"{half}: {one.page.name}: {verdict.score} {verdict.reasons} {verdict.blank_share}")
    page_table.write(cases)
    choosing = [one for one in cases if not one.page.is_for_trying]
    best = chosen(choosing)
    print(f"in use: {THRESHOLDS}\nchosen: {best}")
    return int(agreement(choosing, best).quality > agreement(choosing).quality)


if __name__ == "__main__":
    sys.exit(main())
