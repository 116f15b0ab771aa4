"""Files of others are as their makers published them, and all files together are small."""

import gzip
import hashlib

from api.ui.files.files import address_of
from api.ui.files.vendored_files import VENDORED
from tests.kit.paths import ROOT

FOLDER = ROOT / "api" / "ui" / "files"
# Of all files that some page loads, compressed, as they are sent.
BUDGET_BYTES = 60_000
# Our own script is one that a person can read at once.
MOST_LINES = 300


def test_libraries_are_unchanged_and_each_is_listed() -> None:
    assert {one.name for one in VENDORED} == {path.name for path in (FOLDER / "vendored").iterdir()}
    for one in VENDORED:
        content = (FOLDER / "vendored" / one.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one.sha256, one.name
        assert one.package.split("@")[1] in one.name


def test_all_files_together_are_small() -> None:
    paths = [path for path in FOLDER.rglob("*") if path.suffix in (".css", ".js", ".svg")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in paths) < BUDGET_BYTES
    assert len((FOLDER / "dashboard.js").read_text().splitlines()) < MOST_LINES


def test_a_file_has_an_address_with_its_digest() -> None:
    digest = hashlib.sha256((FOLDER / "dashboard.css").read_bytes()).hexdigest()[:16]
    assert address_of("dashboard.css") == f"/ui/files/{digest}-dashboard.css"
