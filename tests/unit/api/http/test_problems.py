"""Problem documents: one status for every error type, and words that help without repeating the input."""

import json

import pytest
from pydantic import ValidationError

from api.http.problems import (
    MEDIA_TYPE,
    REQUEST_ID,
    RefusedError,
    problem_response,
    refused_input,
)
from fleet.errors import ErrorType, RenderfleetError, UnavailableError
from fleet.input.field_errors import MAX_FIELD_ERRORS
from fleet.render.request import RenderRequest

CALL = {"path": "/v1/jobs", "headers": [], REQUEST_ID: "request-7"}


def refusal(body: str) -> RefusedError:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate_json(body)
    return refused_input(caught.value, RenderRequest)


def test_every_error_type_has_a_status_of_failure_and_a_title() -> None:
    assert all(400 <= type_.kind.status < 600 and type_.kind.title for type_ in ErrorType)


@pytest.mark.parametrize("type_", ErrorType)
def test_every_error_type_makes_a_problem_document(type_: ErrorType) -> None:
    answer = problem_response(RenderfleetError(type_, "what happened"), CALL)
    document = json.loads(bytes(answer.body))
    assert answer.media_type == MEDIA_TYPE
    assert document == {
        "type": type_.value,
        "title": type_.kind.title,
        "status": answer.status_code,
        "detail": "what happened",
        "request_id": "request-7",
        "errors": [],
    }


def test_an_unavailable_dependency_says_when_to_come_back() -> None:
    answer = problem_response(UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "away"), CALL)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_a_refusal_names_field_message_and_what_is_allowed() -> None:
    field_errors = refusal('{"html": "x", "viewport": {"width": 0, "heigth": 5}, "proxy": {}}').field_errors
    named = {found.field: found for found in field_errors}
    assert named["viewport.width"].allowed == "at least 1"
    assert named["viewport.heigth"].message == "is not known; did you mean `height`?"
    assert named["viewport.heigth"].allowed == "height, width"
    assert named["proxy.server"].message == "is missing"


def test_field_errors_are_bounded() -> None:
    assert (
        len(refusal(json.dumps({f"x{number}": 1 for number in range(50)})).field_errors) == MAX_FIELD_ERRORS
    )


def test_a_long_field_name_is_shortened() -> None:
    field_errors = refusal(json.dumps({"html": "x", "y" * 5000: 1})).field_errors
    assert len(field_errors[0].field or "") <= 100


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/v1/screenshot", "image/avif,image/webp,image/*,*/*;q=0.8", "image/png"),
        ("/v1/screenshot", "text/html,application/xhtml+xml,image/avif,*/*;q=0.8", MEDIA_TYPE),
        ("/v1/screenshot", "*/*", MEDIA_TYPE),
        ("/v1/jobs", "image/avif,image/webp,image/*,*/*;q=0.8", MEDIA_TYPE),
    ],
)
def test_only_an_image_of_a_page_gets_no_document(path: str, accept: str, media_type: str) -> None:
    call = {**CALL, "path": path, "headers": [(b"accept", accept.encode())]}
    answer = problem_response(RenderfleetError(ErrorType.LINK_EXPIRED, "it expired"), call)
    assert (answer.media_type, answer.status_code) == (media_type, 403)
    assert answer.headers["renderfleet-error"] == "link_expired"
    assert (answer.body == b"") is (media_type == "image/png")
