"""Errors as problem documents (RFC 9457)."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from fleet.errors import ErrorType, InvalidRequestError, RenderfleetError
from fleet.input.familiar_words import our_name
from fleet.input.field_errors import MAX_FIELD_ERRORS, FieldError, field_errors_of
from fleet.render.link_signature import PATHS
from fleet.render.stored import type_of_refusal

MEDIA_TYPE: Final = "application/problem+json"
# This header has the type of the error, for callers that do not see the body.
ERROR_HEADER: Final = "Renderfleet-Error"
# The key in the scope of a call under which its id is.
REQUEST_ID: Final = "renderfleet.request_id"
RETRY_AFTER_S: Final = 2


class Problem(BaseModel):
    """A problem document of RFC 9457; `request_id` and `errors` are extensions."""

    type: ErrorType = Field(description="The stable name of this kind of problem.")
    title: str = Field(
        description="This kind of problem in a short sentence.", examples=["The request is not valid"]
    )
    status: int = Field(description="The HTTP status of the answer.", examples=[422])
    detail: str = Field(
        description="What is wrong in this call, and what to do.", examples=["1 field is not valid"]
    )
    request_id: str = Field(description="The id of this call in the server's log.")
    errors: list[FieldError] = Field(
        description="The fields that are wrong; empty if the error is not about a field."
    )


class RefusedError(InvalidRequestError):
    """A refusal with more than a sentence: it names fields, or adds headers to the answer."""

    def __init__(
        self,
        type_: ErrorType,
        detail: str,
        *,
        field_errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(type_, detail)
        self.field_errors = field_errors
        self.headers = headers or {}


def not_found(what: str) -> RefusedError:
    """The refusal of a call for something that does not exist or belongs to another tenant.

    Args:
        what: one of the names in `api/http/path_ids.py`.
    """
    return RefusedError(ErrorType.NOT_FOUND, f"you have no {what} with this id")


def refused_field(field: str | None, message: str, *, allowed: str | None = None) -> RefusedError:
    """A refusal because of one field, header or parameter, or (None) because of the whole body."""
    found = FieldError(field=field, message=message, allowed=allowed)
    return RefusedError(ErrorType.INVALID_REQUEST, found.sentence, field_errors=[found])


def refuse_unknown_parameters(given: Iterable[str], *, allowed: Iterable[str]) -> None:
    """Do nothing if all query parameters are known.

    Raises:
        RefusedError: one is not. A typing error such as `stat=failed` must not mean "no filter".
    """
    known = sorted(allowed)
    for name in given:
        if name not in known:
            meant = our_name(name, known)
            hint = f"; did you mean `{meant}`?" if meant else ""
            message = f"is not a parameter of this call{hint}"
            raise refused_field(name[:100], message, allowed=", ".join(known) or "none")


def refused_input(error: ValidationError, model: type[BaseModel]) -> RefusedError:
    """The refusal of a body that pydantic found wrong."""
    if error.error_count() > MAX_FIELD_ERRORS * 10:
        # A body can have half a million unknown fields. To list them all would take seconds.
        return RefusedError(ErrorType.INVALID_REQUEST, f"{error.error_count():,} fields are not valid")
    return _refused(error.errors(include_url=False), model)


def refused_parameters(errors: Sequence[ErrorDetails]) -> RefusedError:
    """The refusal of query parameters that FastAPI found wrong."""
    return _refused(errors, None)


def _refused(errors: Sequence[ErrorDetails], model: type[BaseModel] | None) -> RefusedError:
    found = field_errors_of(errors, model)
    detail = found[0].sentence if len(errors) == 1 else f"{len(errors)} fields are not valid"
    return RefusedError(type_of_refusal(errors), detail, field_errors=found)


def problem_of(error: RenderfleetError, request_id: str) -> Problem:
    """The document for an error that renderfleet raised on purpose."""
    return Problem(
        type=error.type,
        title=error.title,
        status=error.type.kind.status.value,
        detail=error.detail,
        request_id=request_id,
        errors=list(error.field_errors) if isinstance(error, RefusedError) else [],
    )


def problem_response(error: RenderfleetError, call: Scope) -> Response:
    """The answer for an error that renderfleet raised on purpose.

    Args:
        error: the error.
        call: the scope of the call that failed, with its id under `REQUEST_ID`.
    """
    status = error.type.kind.status
    headers = {**(error.headers if isinstance(error, RefusedError) else {}), ERROR_HEADER: error.type.value}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if _is_image_load(call):
        return Response(status_code=status.value, media_type="image/png", headers=headers)
    body = problem_of(error, call[REQUEST_ID]).model_dump_json()
    return Response(body, status_code=status.value, media_type=MEDIA_TYPE, headers=headers)


def _is_image_load(call: Scope) -> bool:
    """Whether an `<img>` loads a signed link: only images put image types first into `Accept`.

    Browsers hide JSON from the images of a page of another site, and its status too (ERR_BLOCKED_BY_ORB,
    https://github.com/annevk/orb). An empty image fails to load as well, but its status and headers can be
    seen.
    """
    return call.get("path") in PATHS and Headers(scope=call).get("accept", "").startswith("image/")


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this call."""
    request_id: str = request.scope[REQUEST_ID]
    return request_id
