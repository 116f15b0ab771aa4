"""One name means one thing: no two public classes of the product have the same name."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.kit.paths import ROOT

ROOTS = ("api", "fleet", "worker", "migrations", "deploy")
# Names that may be used twice, each with the reason.
ALLOWED: Mapping[str, str] = {}


def classes(source: str) -> set[str]:
    """The public classes of a module, except those inside functions and classes."""
    found = {one.name for one in ast.parse(source).body if isinstance(one, ast.ClassDef)}
    return {name for name in found if not name.startswith("_")}


def used_twice(modules: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names of classes that stand in several modules, with the paths of the modules.

    Args:
        modules: path and source of each module.
    """
    places = defaultdict[str, list[str]](list)
    for path, source in modules:
        for name in classes(source):
            places[name].append(path)
    return {name: sorted(paths) for name, paths in places.items() if len(paths) > 1}


def product() -> list[tuple[str, str]]:
    found: list[Path] = [path for root in ROOTS for path in (ROOT / root).rglob("*.py")]
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in found]


def test_no_two_classes_have_the_same_name() -> None:
    found = used_twice(product())
    assert {name: paths for name, paths in found.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found), "these names are used once only: remove them from ALLOWED"


def test_a_name_that_is_used_twice_is_found() -> None:
    modules = [("a.py", "class Page: ...\nclass _Page: ..."), ("b.py", "class Page: ..."), ("c.py", "x = 1")]
    assert used_twice(modules) == {"Page": ["a.py", "b.py"]}
    assert len(product()) > 200
