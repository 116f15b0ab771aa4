"""The examples of CONTRIBUTING.md are Python, and what they import exists."""

import ast
import re
import textwrap

import pytest

from tests.kit.paths import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"^ *```python\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_is_python_and_what_it_imports_exists(block: str) -> None:
    lines = ast.parse(block).body
    imports = [line for line in lines if isinstance(line, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module([*imports], type_ignores=[]), "CONTRIBUTING.md", "exec"), {})  # noqa: S102 - our own text


def test_there_are_examples() -> None:
    assert len(BLOCKS) > 6
