"""A document of ours as the answer to a call."""

from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response

from api.http.request_body import JSON


def json_answer(
    document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """A document as an answer, without FastAPI's second look at it."""
    return Response(document.model_dump_json(), status_code=status.value, media_type=JSON, headers=headers)
