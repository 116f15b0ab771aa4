"""Figures that other pages quote are those of docs/benchmarks.md."""

from pathlib import Path

from tests.bench.report.quoting import quote, quoted
from tests.bench.report.report import Section, Table
from tests.kit.paths import ROOT


def test_the_page_about_size_quotes_the_memory_budget_as_it_was_measured() -> None:
    table = quoted((ROOT / "docs/operations/size.md").read_text(), "memory_budget")
    assert table is not None
    assert len(table.splitlines()) > 2
    assert table in (ROOT / "docs/benchmarks.md").read_text()


def test_the_bench_writes_the_first_table_of_a_quoted_case(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: one -->\nold\n<!-- end of figures -->\nafter\n")
    section = Section("One", ["words", Table(("a", "b"), [("c", "1")]), Table(("x",), [("y",)])])
    assert quote(page, "one", section)
    assert not quote(page, "another", section)
    table = "| a | b |\n| --- | ---: |\n| c | 1 |"
    assert page.read_text() == f"before\n<!-- figures: one -->\n{table}\n<!-- end of figures -->\nafter\n"
