"""Signed links in the OpenAPI document, and the names of their parameters."""

from typing import Any, Final

from api.http.files.placeholder import Placeholder
from api.openapi.operations.parts import BYTES
from fleet.render.link_parameters import PARAMETERS
from fleet.render.options.output import CONTENT_TYPES, PICTURES

PLACEHOLDER: Final = "placeholder"


def parameter_names(*, is_document: bool) -> list[str]:
    """The parameters that a link may have, besides those of its signature."""
    return [*PARAMETERS] if is_document else [*PARAMETERS, PLACEHOLDER]


def _query(
    name: str, schema: dict[str, Any], description: str, *, is_required: bool = False
) -> dict[str, Any]:
    parameter = {"name": name, "in": "query", "required": is_required, "schema": schema}
    return {**parameter, "description": description, "style": "form", "explode": False}


_PLACEHOLDER: Final = _query(
    PLACEHOLDER,
    {"type": "string", "enum": list(Placeholder)},
    "A picture with status 200 instead of an error: one transparent pixel, or the words for what failed.",
)
_SIGNATURE: Final = (
    _query(
        "key",
        {"type": "string", "pattern": "^[a-z0-9]{12}$"},
        "Id of the API key that signs: the 12 characters after `rf_`.",
        is_required=True,
    ),
    _query(
        "expires",
        {"type": "integer", "format": "int64"},
        "Until when the link is valid, in Unix seconds.",
        is_required=True,
    ),
    _query(
        "signature",
        {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "HMAC-SHA256 over the path and all other parameters, in lower-case hexadecimal (docs/links.md).",
        is_required=True,
    ),
)


def read_link_operation(*, is_document: bool) -> dict[str, Any]:
    """The operation of a signed link. Its parameters are the options of a render, as text."""
    media_types = ["application/pdf"] if is_document else [CONTENT_TYPES[format_] for format_ in PICTURES]
    content = {name: BYTES[name] for name in media_types}
    options = [
        _query(parameter.name, parameter.schema, parameter.description, is_required=parameter.name == "url")
        for parameter in PARAMETERS.values()
        if not (is_document and parameter.name == "format")
    ]
    shown = [] if is_document else [_PLACEHOLDER]
    return {
        "security": [],
        "parameters": [*options, *shown, *_SIGNATURE],
        "responses": {
            "200": {
                "description": "The artifact, or the placeholder that the link asks for.",
                "content": content,
            },
            "206": {"description": "The part that Range asked for.", "content": content},
            "304": {"description": "If-None-Match names this artifact."},
        },
    }
