"""Which files a page may be made of, and what is said of the others."""

import base64
import json

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.files import MAX_FILES, MAX_FILES_BYTES, UPLOADS_CONTEXT
from fleet.render.request import RenderRequest

PAGE = {"index.html": base64.b64encode(b"<p>hello</p>").decode()}


def refusal(files: object) -> str:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate_json(json.dumps({"files": files}))
    return in_words(caught.value, RenderRequest)


@pytest.mark.parametrize(
    "name", ["a.png", "fonts/body.woff2", "über uns/böse?&#%.svg", ".hidden", "...", "a..b/c", "x" * 255]
)
def test_a_file_may_be_called_as_in_any_folder(name: str) -> None:
    request = RenderRequest.model_validate_json(json.dumps({"files": {**PAGE, name: "aGk="}}))
    assert request.files == {**PAGE, name: "aGk="}
    assert RenderRequest.model_validate_json(request.model_dump_json(exclude_defaults=True)) == request


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", 'files."": has no name'),
        ("../../x", "files.../../x: has a part in its name that is empty, `.` or `..`"),
        ("a/../../x", "is empty, `.` or `..`"),
        ("./x", "is empty, `.` or `..`"),
        ("a//x", "is empty, `.` or `..`"),
        ("a/", "is empty, `.` or `..`"),
        ("/etc/passwd", "has an absolute name; names are relative to `index.html`"),
        ("..\\..\\x", "has a backslash in its name; folders are separated by `/`"),
        ("a\0.png", "files.a\N{REPLACEMENT CHARACTER}.png: has a control character in its name"),
        ("a\n.png", "has a control character in its name"),
        ("x" * 256, "has a name of more than 255 bytes"),
        ("ü" * 128, "has a name of more than 255 bytes"),
    ],
)
def test_a_bad_name_has_a_sentence_of_its_own(name: str, said: str) -> None:
    assert said in refusal({**PAGE, name: "aGk="})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "files: has no `index.html`, which is the page"),
        ({"page.html": "aGk="}, "files: has no `index.html`, which is the page"),
        ({"sub/index.html": "aGk="}, "files: has no `index.html`, which is the page"),
        ({**PAGE, "a.png": "no base64!"}, "files.a.png: is not base64"),
        ({**PAGE, "a.png": "aGk"}, "files.a.png: is not base64"),
        ({**PAGE, "a.png": 7}, "files.a.png: is not base64"),
        ([], "files: must be a JSON object"),
        ("aGk=", "files: must be a JSON object"),
        (
            {**PAGE, **{f"{n}.png": "" for n in range(MAX_FILES)}},
            f"files: has {MAX_FILES + 1:,} files; at most {MAX_FILES:,} are allowed",
        ),
    ],
)
def test_each_mistake_has_a_sentence_of_its_own(files: object, said: str) -> None:
    assert said in refusal(files)


def test_the_bytes_of_all_files_count_together() -> None:
    half = base64.b64encode(bytes(MAX_FILES_BYTES // 2)).decode()
    exactly = {"index.html": half, "a": half}
    assert RenderRequest.model_validate({"files": exactly}).files == exactly
    one_more = {**exactly, "b": base64.b64encode(b"x").decode()}
    with pytest.raises(ValidationError, match="has 67,108,865 bytes; at most 67,108,864 are allowed"):
        RenderRequest.model_validate({"files": one_more})


def test_a_caller_cannot_name_what_somebody_else_has_uploaded() -> None:
    uploaded = {"index.html": {"size_bytes": 7, "sha256": "0" * 64}}
    assert "files.index.html: is not base64" in refusal(uploaded)
    stored = RenderRequest.model_validate({"files": uploaded}, context={UPLOADS_CONTEXT: True})
    assert json.loads(stored.model_dump_json(include={"files"})) == {"files": uploaded}


def test_a_request_with_other_files_is_another_request() -> None:
    def rendered(files: dict[str, str]) -> tuple[bytes, bytes]:
        request = RenderRequest.model_validate({"files": files})
        return request.rendered(), request.canonical()

    assert rendered(PAGE) == rendered(dict(PAGE))
    for other in ({**PAGE, "a": ""}, {"index.html": "aGk="}):
        assert set(rendered(PAGE)).isdisjoint(rendered(other))


def test_identity_has_no_target() -> None:
    with pytest.raises(ValidationError, match="this request has no `url`"):
        RenderRequest.model_validate({"files": PAGE, "headers": {"X-Token": "t"}})
