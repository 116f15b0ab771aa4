"""A document as the answer to a call."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel
from starlette.responses import Response

from api.http.request_body import JSON

NO_STORE: Final = {"Cache-Control": "no-store"}  # no cache may keep an answer with a secret


def json_answer(
    document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """A document as an answer. FastAPI would validate the document a second time."""
    return Response(document.model_dump_json(), status_code=status.value, media_type=JSON, headers=headers)
