"""Refusals and failures as problem documents (RFC 9457)."""

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
from fleet.field_errors import MAX_FIELD_ERRORS, FieldError, field_errors_of
from fleet.render.link_signature import PATHS
from fleet.render.stored import type_of_refusal

MEDIA_TYPE: Final = "application/problem+json"
# The header that names the type of the error, for whoever sees no body.
ERROR_HEADER: Final = "Renderfleet-Error"
# In the scope of a call: its id.
REQUEST_ID: Final = "renderfleet.request_id"
RETRY_AFTER_S: Final = 2


class Problem(BaseModel):
    """A problem document of RFC 9457; `request_id` and `errors` are extensions."""

    type: ErrorType = Field(description="The stable word for this kind of problem.")
    title: str = Field(description="What this kind of problem is.", examples=["The request is not valid"])
    status: int = Field(description="The HTTP status again.", examples=[422])
    detail: str = Field(
        description="What is wrong this time, and what helps.", examples=["1 field is not valid"]
    )
    request_id: str = Field(description="The id under which the server's log has this call.")
    errors: list[FieldError] = Field(
        description="What is wrong with which field; empty where no field is to blame."
    )


class RefusedError(InvalidRequestError):
    """A refusal that says more than a sentence: fields, or headers of the answer."""

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
    """The refusal of a call for something that is not there, or belongs to another tenant.

    Args:
        what: how `api/http/path_ids.py` calls it.
    """
    return RefusedError(ErrorType.NOT_FOUND, f"you have no {what} with this id")


def refused_field(field: str | None, message: str, *, allowed: str | None = None) -> RefusedError:
    """A refusal because of one field, header or parameter; None: because of the body as a whole."""
    found = FieldError(field=field, message=message, allowed=allowed)
    return RefusedError(ErrorType.INVALID_REQUEST, found.sentence, field_errors=[found])


def refuse_unknown_parameters(given: Iterable[str], *, allowed: Iterable[str]) -> None:
    """Do nothing if all query parameters are known.

    Raises:
        RefusedError: one is not. A typo such as `stat=failed` must not silently mean no filter.
    """
    known = sorted(allowed)
    for name in given:
        if name not in known:
            raise refused_field(
                name[:100], "is not a parameter of this call", allowed=", ".join(known) or "none"
            )


def refused_input(error: ValidationError, model: type[BaseModel]) -> RefusedError:
    """A refusal because of what pydantic found in the body."""
    if error.error_count() > MAX_FIELD_ERRORS * 10:
        # A body of unknown names gives an error for each: listing half a million of them takes seconds.
        return RefusedError(ErrorType.INVALID_REQUEST, f"{error.error_count():,} fields are not valid")
    return _refused(error.errors(include_url=False, include_input=False), model)


def refused_parameters(errors: Sequence[ErrorDetails]) -> RefusedError:
    """A refusal because of what FastAPI found in the query."""
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
        error: what is answered.
        call: that failed, with its id in `REQUEST_ID`.
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

    Browsers withhold JSON from the images of pages of another site, its status included
    (ERR_BLOCKED_BY_ORB, https://github.com/annevk/orb). An empty image fails to load all the same, and its
    status and `ERROR_HEADER` can be seen.
    """
    return call.get("path") in PATHS and Headers(scope=call).get("accept", "").startswith("image/")


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this call."""
    request_id: str = request.scope[REQUEST_ID]
    return request_id
