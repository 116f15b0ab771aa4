"""Copies tables of the benchmarks into the pages that quote them."""

import re
from pathlib import Path
from typing import Final

from tests.bench.report.report import Section, Table

# Between these two lines.
_BLOCK: Final = "<!-- figures: {case} -->\n{table}\n<!-- end of figures -->"
_PATTERN: Final = r"<!-- figures: {case} -->\n(.*?)\n<!-- end of figures -->"


def quoted(page: str, case: str) -> str | None:
    """The table of a case on a page; None if the page has no table of that case."""
    found = re.search(_PATTERN.format(case=case), page, re.DOTALL)
    return found[1] if found else None


def quote(page: Path, case: str, section: Section) -> bool:
    """Copy the first table of a section into a page. False: the page has no place for that case."""
    text = page.read_text()
    before = quoted(text, case)
    table = next((part for part in section.parts if isinstance(part, Table)), None)
    if before is None or table is None:
        return False
    old, new = (_BLOCK.format(case=case, table=words) for words in (before, table.markdown()))
    page.write_text(text.replace(old, new))
    return True
