"""SECURITY.md, and pages that promise something, name tests: each is there, under this very name."""

import re

import pytest

from tests.kit.paths import ROOT

ROWS = re.findall(r"^\| (?!threat|---)(.+)\|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "least"), [("SECURITY.md", 20), ("docs/adr/0005-virtual-time.md", 10), ("docs/chaos.md", 14)]
)
def test_every_test_that_is_named_exists(page: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+/test_\w+\.py)(?:::(\w+))?`", (ROOT / page).read_text())
    assert len(named) >= least
    for path, name in named:
        text = (ROOT / path).read_text()
        assert re.search(rf"^(?:async )?def {name or 'test_'}", text, re.MULTILINE), f"{path}::{name}"


def test_each_threat_says_what_stops_it_and_is_proven() -> None:
    for row in ROWS:
        threat, answer, proof, _left = (cell.strip() for cell in row.split("|"))
        assert threat
        assert answer
        assert "`tests/" in proof or "make audit" in answer, threat
