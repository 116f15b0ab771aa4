"""What a migration does must not change when the code changes."""

import ast
from pathlib import Path

import pytest

from tests.kit.paths import ROOT

VERSIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))


def imported(path: Path) -> set[str]:
    """The names of the packages that a module imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or ".")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_a_migration_imports_nothing_of_the_product(version: Path) -> None:
    assert not imported(version) & {"api", "deploy", "fleet", "migrations", "worker", ""}
