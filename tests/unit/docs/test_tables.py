"""Each call and each option has its row, and no row names what there is not."""

import re
from typing import Any

from fleet.render.request import RenderRequest
from tests.kit.paths import ROOT


def first_cells(page: str) -> list[str]:
    """The first cell of each row of the page's tables, heads left out."""
    return re.findall(r"^\| (`.+?) \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def test_each_call_has_one_row(openapi: dict[str, Any]) -> None:
    calls = [f"`{method.upper()} {path}`" for path, methods in openapi["paths"].items() for method in methods]
    assert sorted(first_cells("api.md")) == sorted(calls)


def test_each_option_has_a_row() -> None:
    named = {name for cell in first_cells("options.md") for name in re.findall(r"`(\w+)", cell)}
    assert named == set(RenderRequest.model_fields)
