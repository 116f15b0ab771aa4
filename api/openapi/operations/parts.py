"""What operations of the OpenAPI document are put together from: bodies, parameters, answers, problems.

FastAPI knows neither bodies nor answers, because the routes read and write them themselves, which is faster.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from api.http.problems import MEDIA_TYPE
from fleet.render.options.output import CONTENT_TYPES

REF: Final = "#/components/schemas/{model}"
BYTES: Final = {
    media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for media_type in CONTENT_TYPES.values()
}


def json_content(model: str) -> dict[str, Any]:
    """JSON content with one of the document's schemas."""
    return {"application/json": {"schema": {"$ref": REF.format(model=model)}}}


def closed_object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has just these properties."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def request_body(
    schema: str | Mapping[str, Any], examples: Mapping[str, Any], *, is_required: bool = True
) -> dict[str, Any]:
    """An operation's body.

    Args:
        schema: the name of one of the document's schemas, or a schema.
        examples: by name, as OpenAPI has them: a `value`, and a `summary` where there are several.
        is_required: whether there has to be a body.
    """
    reference = {"$ref": REF.format(model=schema)} if isinstance(schema, str) else schema
    content = {"application/json": {"schema": reference, "examples": examples}}
    return {"requestBody": {"required": is_required, "content": content}}


def request_or_files(schema: str | Mapping[str, Any], examples: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an operation that takes a request as JSON, or as a form together with files."""
    body = request_body(schema, examples)
    content = body["requestBody"]["content"]
    file = {"type": "string", "format": "binary", "description": "A file; its file name is its name."}
    form = closed_object(
        request=content["application/json"]["schema"], files={"type": "array", "items": file}
    )
    content["multipart/form-data"] = {
        "schema": {**form, "required": ["files"]},
        "encoding": {"request": {"contentType": "application/json"}},
    }
    return body


def location_header(of: str) -> dict[str, Any]:
    """The header of an answer that names the path of what was made."""
    return {"Location": {"description": f"Path of the {of}.", "schema": {"type": "string"}}}


def created_answer(what: str, description: str) -> dict[str, Any]:
    """The answer to a call that makes something."""
    return {"responses": {"201": {"description": description, "headers": location_header(what)}}}


def header_parameter(description: str, *, maximum: int | None = None) -> dict[str, Any]:
    """A header of a call, without its name; `maximum` is how many characters it may have."""
    schema: dict[str, Any] = {"type": "string"}
    if maximum is not None:
        schema |= {"minLength": 1, "maxLength": maximum, "pattern": "^[!-~]+$"}
    return {"in": "header", "required": False, "description": description, "schema": schema}


def problems(*statuses: int) -> dict[str, Any]:
    """Arguments of a route that may answer with problem documents of these statuses."""
    return {
        "responses": {
            status: {"description": HTTPStatus(status).phrase, "content": PROBLEM} for status in statuses
        }
    }


PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
