"""The package, installed where nothing of the repository is."""

import os
import subprocess
import sys
from pathlib import Path

from tests.kit.paths import CLIENT

# Without downloads: what it needs, and what builds it, is in the environment of the tests.
OPTIONS = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
LOOK = "import renderfleet, importlib.util as u; print(renderfleet.__file__, u.find_spec('fleet'))"


def test_it_can_be_installed_by_itself(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", *OPTIONS, "--target", str(tmp_path))
    subprocess.run([*pip, str(CLIENT.parent)], check=True, timeout=120)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    asked = (
        [str(tmp_path / "bin" / "renderfleet"), "--version"],
        [sys.executable, "-c", LOOK],
    )
    version, found = (
        subprocess.run(one, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
        for one in asked
    )
    assert version == "renderfleet 0.1.0\n"
    assert found == f"{tmp_path}/renderfleet/__init__.py None\n"
    assert (tmp_path / "renderfleet" / "py.typed").exists(), "type checkers read its types"
    assert list(tmp_path.glob("renderfleet-*.dist-info/licenses/LICENSE")), "the licence goes with it"
