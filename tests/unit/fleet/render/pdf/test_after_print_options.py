"""What may be asked for after printing, and what is said of what may not."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.pdf.document import PdfDocument
from fleet.render.pdf.page_selection import ranges
from fleet.render.request import RenderRequest

JOB = "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01"
FILES = {"index.html": "eA==", "cover.pdf": "eA=="}
HALF = "owner: is the same as `user`, so that everybody could lift `permissions`"


def asked(**pdf: Any) -> PdfDocument:
    request = RenderRequest.model_validate({"files": FILES, "format": "pdf", "pdf": pdf})
    assert request.pdf is not None
    return request.pdf


@pytest.mark.parametrize(
    ("selection", "pairs"),
    [
        ("1", [(1, 1)]),
        (" 1 - 3 , 8", [(1, 3), (8, 8)]),
        ("11-", [(11, -1)]),
        ("3-1, last", [(3, 1), (-1, -1)]),
        ("last-1", [(-1, 1)]),
    ],
)
def test_pages_are_read_as_people_write_them(selection: str, pairs: list[tuple[int, int]]) -> None:
    given = asked(pages=selection).pages
    assert given is not None
    assert ranges(given) == pairs


def test_a_text_alone_is_a_job_or_a_file() -> None:
    document = asked(prepend=[JOB, "cover.pdf", {"job": JOB, "pages": "1"}], watermark={"image": "cover.pdf"})
    assert [(part.job, part.file, part.pages) for part in document.prepend] == [
        (UUID(JOB), None, None),
        (None, "cover.pdf", None),
        (UUID(JOB), None, "1"),
    ]
    assert document.watermark is not None
    assert document.watermark.image is not None
    assert document.watermark.image.file == "cover.pdf"


@pytest.mark.parametrize(
    "option",
    [
        {"prepend": [JOB]},
        {"append": ["cover.pdf"]},
        {"pages": "1"},
        {"rotate": [{"degrees": 90}]},
        {"watermark": {"text": "x"}},
        {"metadata": {"title": "x"}},
        {"attachments": [{"name": "a", "content": "eA=="}]},
        {"password": {"user": "x"}},
    ],
)
def test_a_document_is_changed_only_if_something_is_asked_for(option: dict[str, Any]) -> None:
    assert not asked(landscape=True).is_changed_after_print
    assert asked(**option).is_changed_after_print


@pytest.mark.parametrize(
    ("pdf", "words"),
    [
        ({"password": {}}, "password.user: give `user`, `owner` or both"),
        ({"password": {"user": "a", "owner": "a"}}, f"password.{HALF}"),
        ({"password": {"user": "é" * 64}}, "password.user: is longer than 127 bytes"),
        ({"pages": "0"}, "pages: has a page 0; the first page is 1"),
        (
            {"pages": "first"},
            "pages: must be numbers of pages and ranges with commas between them, such as 1-3, 8, 11-last",
        ),
        ({"pdf_a": True}, "pdf_a: cannot be true: renderfleet makes no PDF/A, as it could not validate it"),
        ({"rotate": [{"degrees": 45}]}, "rotate.0.degrees: must be 90, 180 or 270"),
        (
            {"attachments": [{"name": "../a", "content": "eA=="}]},
            "attachments.0.name: must be a file name without a folder, such as data.xml",
        ),
        (
            {"attachments": [{"name": "a", "content": "eA="}]},
            "attachments.0.content: is not base64 (RFC 4648, with + and / and padding)",
        ),
        (
            {"attachments": [{"name": "a", "content": "eA==", "content_type": "xml"}]},
            "attachments.0.content_type: must be a media type, such as text/xml",
        ),
        (
            {"attachments": [{"name": "a", "content": "eA=="}] * 2},
            "attachments.1.name: is the name of an attachment before it, too",
        ),
        ({"attachments": [{"name": "a"}]}, "attachments.0.content: give exactly one of `content` and `file`"),
        ({"watermark": {}}, "watermark.text: give exactly one of `text`, `image` and `pdf`"),
        (
            {"watermark": {"text": "a", "color": "red;x"}},
            "watermark.color: must be the name of a CSS colour, or #RRGGBB",
        ),
        ({"prepend": [{}]}, "prepend.0.job: give exactly one of `job`, `file` and `content`"),
        ({"prepend": ["a"] * 51}, "prepend: must have at most 50 entries"),
        (
            {"append": ["other.pdf"]},
            "append.0.file: the job has no file of this name in `files`; or give its bytes as `content`",
        ),
        (
            {"metadata": {"language": "German!"}},
            "metadata.language: must be a language tag, such as de or en-GB",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(pdf: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        asked(**pdf)
    assert in_words(caught.value, RenderRequest) == f"pdf.{words}"


def test_a_file_needs_files() -> None:
    attachment = {"name": "a.xml", "file": "a.xml"}
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "format": "pdf", "pdf": {"attachments": [attachment]}})
    words = "pdf.attachments.0.file: the job has no `files`; or give its bytes as `content`"
    assert in_words(caught.value, RenderRequest) == words


def test_passwords_show_in_no_text_of_a_request() -> None:
    assert "marker" not in repr(asked(password={"user": "marker", "owner": "marker-too"}))


def test_a_media_type_is_that_of_the_name() -> None:
    names = ("a.xml", "b.csv", "c.unknown")
    document = asked(attachments=[{"name": name, "content": "eA=="} for name in names])
    types = [attachment.media_type for attachment in document.attachments]
    assert types[0] in ("text/xml", "application/xml")
    assert types[1:] == ["text/csv", "application/octet-stream"]
