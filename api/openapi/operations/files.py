"""Artifacts in the OpenAPI document: read, compared, or as the answer to a render."""

from collections.abc import Mapping
from typing import Any, Final

from api.openapi.operations.jobs import CREATE_JOB, JOB
from api.openapi.operations.parts import (
    BYTES,
    REF,
    header_parameter,
    location_header,
    request_body,
    request_or_files,
)

_PDF: Final = "application/pdf"
_PDF_REQUEST: Final = {
    "allOf": [
        {"$ref": REF.format(model="RenderRequest")},
        {"properties": {"format": {"const": "pdf", "default": "pdf"}}},
    ]
}


def _answers_with_bytes(schema: str | Mapping[str, Any], example: Mapping[str, Any], content: Any) -> Any:
    """An operation that takes a job and answers with its artifact."""
    job = {"Renderfleet-Job": {"description": "The id of the job.", "schema": {"type": "string"}}}
    headers = {**location_header("job"), **job}
    prefer = header_parameter("`wait=N`: wait up to N seconds, 60 at most, for the bytes; 55 without it.")
    return {
        "parameters": [CREATE_JOB["parameters"][0], {"name": "Prefer", **prefer}],
        **request_or_files(schema, {"usual": {"value": example}}),
        "responses": {
            "200": {"description": "The artifact.", "headers": headers, "content": content},
            "202": {"description": "The job goes on.", "headers": headers, "content": JOB},
        },
    }


RENDER_SCREENSHOT: Final[dict[str, Any]] = _answers_with_bytes(
    "RenderRequest",
    {"url": "https://example.com/", "full_page": True},
    {name: schema for name, schema in BYTES.items() if name != _PDF},
)
RENDER_PDF: Final[dict[str, Any]] = _answers_with_bytes(
    _PDF_REQUEST, {"html": "<h1>Invoice 7</h1>"}, {_PDF: BYTES[_PDF]}
)
READ_ARTIFACT: Final[dict[str, Any]] = {
    "responses": {
        "200": {"description": "The whole artifact (`proxy=true`).", "content": BYTES},
        "206": {"description": "The part that Range asked for (`proxy=true`).", "content": BYTES},
        "304": {"description": "If-None-Match names this artifact (`proxy=true`)."},
        "307": {
            "description": "Redirect to a presigned address.",
            "headers": {"Location": {"description": "That address.", "schema": {"type": "string"}}},
        },
    },
}
COMPARE_JOBS: Final[dict[str, Any]] = request_body(
    "CompareRequest",
    {
        "usual": {"value": {"with": "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01"}},
        "clock": {
            "summary": "Without the corner in which a clock runs",
            "value": {
                "with": "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01",
                "ignore_regions": [{"x": 1100, "y": 0, "width": 180, "height": 60}],
            },
        },
    },
)
READ_DIFFERENCE: Final[dict[str, Any]] = {
    "responses": {"307": READ_ARTIFACT["responses"]["307"]},
}
