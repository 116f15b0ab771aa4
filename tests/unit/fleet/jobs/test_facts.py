"""Facts are read by processes of another release than the one that wrote them."""

import json

from fleet.jobs.facts import ArtifactFacts, PageFacts

PICTURE = ArtifactFacts("image/png", size_bytes=3, sha256="00", width_px=4, height_px=5)


def test_what_was_written_is_read() -> None:
    page = PageFacts("https://example.com/", http_status=200, title="Example")
    assert ArtifactFacts.from_json(PICTURE.to_json()) == PICTURE
    assert PageFacts.from_json(page.to_json()) == page
    assert PageFacts.from_json(PageFacts().to_json()) == PageFacts()


def test_what_a_newer_release_adds_is_ignored() -> None:
    row = json.dumps(json.loads(PICTURE.to_json()) | {"colours": 7})
    assert ArtifactFacts.from_json(row) == PICTURE


def test_a_row_of_an_older_release_lacks_what_came_later_or_says_null() -> None:
    row = '{"content_type": "application/pdf", "size_bytes": 3, "sha256": "00", "pages": 2, "width_px": null}'
    assert ArtifactFacts.from_json(row) == ArtifactFacts("application/pdf", 3, "00", pages=2)
