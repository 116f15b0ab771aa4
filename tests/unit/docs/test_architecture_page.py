"""docs/architecture.md and the tree agree: packages have sentences, paths exist, layers are in order."""

import re
import tomllib
from itertools import pairwise

import pytest

from tests.kit.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
# Roots of the tree: the page describes what is inside them.
WITH_PACKAGES = ("api", "fleet", "worker", "deploy/embedded")
SENTENCES = re.findall(r"^\| `([\w/]+)` \| (.+) \|$", PAGE, re.MULTILINE)
LAYERS = {
    contract["containers"][0]: contract["layers"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if "containers" in contract
}


def packages() -> set[str]:
    """Every folder that has an `__init__.py`, below the roots."""
    return {
        str(found.parent.relative_to(ROOT))
        for root in WITH_PACKAGES
        for found in (ROOT / root).rglob("*/__init__.py")
    }


def folders_of_tests() -> set[str]:
    """The folders of `tests` that hold something."""
    return {
        f"tests/{found.relative_to(ROOT / 'tests').parts[0]}" for found in (ROOT / "tests").rglob("*/*.py")
    }


def test_each_package_has_one_sentence() -> None:
    described = [path for path, _ in SENTENCES]
    assert len(set(described)) == len(described)
    assert packages() | folders_of_tests() <= set(described)
    for path, sentence in SENTENCES:
        assert sentence.endswith("."), path


def test_each_path_on_the_page_exists() -> None:
    named = re.findall(r"`((?:api|worker|fleet|tests|deploy|migrations)\b[\w./]*)`", PAGE)
    assert len(named) > len(SENTENCES)
    assert {path for path in named if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("root", ["api", "fleet", "worker"])
def test_packages_are_sorted_by_layer(root: str) -> None:
    rank = {name: n for n, layer in enumerate(LAYERS[root]) for name in layer.split(" | ")}
    order = [rank[parts[1]] for path, _ in SENTENCES if (parts := path.split("/"))[0] == root]
    assert len(order) > 5
    assert all(higher <= lower for higher, lower in pairwise(order))


@pytest.mark.parametrize("package", LAYERS)
def test_layers_are_few_enough_to_remember(package: str) -> None:
    assert len(LAYERS[package]) <= 8
