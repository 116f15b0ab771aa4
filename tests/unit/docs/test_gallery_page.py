"""The gallery names every option that a picture can have, and its pictures are what its requests give."""

from pathlib import Path

import pytest

from fleet.render.options.pdf import PdfOptions
from fleet.render.options.source import SourceOptions
from fleet.render.options.text import TextOptions
from fleet.render.request import RENDER_GROUPS
from tests.gallery import page
from tests.gallery.entries.groups import ENTRIES, NOT_SHOWN
from tests.gallery.entry import SIDES, Entry
from tests.gallery.result import FOLDER, path_of, read_results

# What is rendered, and what is no picture.
ELSEWHERE = (SourceOptions, PdfOptions, TextOptions)
MAX_BYTES = 3_000_000
AGAIN = "run `python -m tests.gallery` and look at what it has made"


def test_every_option_of_a_picture_is_shown() -> None:
    groups = [group for group in RENDER_GROUPS if group not in ELSEWHERE]
    options = {name for group in groups for name in group.model_fields}
    shown = [entry.option for entry in ENTRIES]
    assert len(set(shown)) == len(shown)
    assert {*shown, *NOT_SHOWN} == options, "tests/gallery/entries/"
    assert not set(shown) & set(NOT_SHOWN)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.option)
def test_a_picture_is_of_the_request_beside_it(entry: Entry) -> None:
    results = read_results()
    for side in SIDES:
        result = results[f"{entry.option}-{side}"]
        assert result.source == entry.source(side), AGAIN
        assert result.file is None or path_of(result.file).stat().st_size > 0
        assert (result.file is None) == (result.error is not None)


def test_the_page_is_made_of_these_entries() -> None:
    assert page.PAGE.read_text() == page.text(read_results()), AGAIN


def test_the_folder_has_these_pictures_alone_and_they_are_small() -> None:
    files = {result.file for result in read_results().values() if result.file}
    found = {path.name for path in FOLDER.iterdir()}
    assert found == files | {"results.json"}
    assert sum(path.stat().st_size for path in Path(FOLDER).iterdir()) < MAX_BYTES
