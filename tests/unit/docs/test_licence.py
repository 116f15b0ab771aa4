"""Whoever gets the repository, or the client alone, gets the licence with it, and both name the same one."""

import tomllib
from pathlib import Path

import pytest

from tests.kit.paths import CLIENT, ROOT


@pytest.mark.parametrize("folder", [ROOT, CLIENT.parent], ids=["repository", "client"])
def test_the_licence_is_named_and_enclosed(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    text = (folder / "LICENSE").read_text()
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert text == (ROOT / "LICENSE").read_text()


def test_the_readme_names_it() -> None:
    assert "[Apache License 2.0](LICENSE)" in (ROOT / "README.md").read_text()
