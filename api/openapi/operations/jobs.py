"""Jobs in the OpenAPI document: to make one or many, to run one again, to move and to cancel one."""

from typing import Any, Final

from api.openapi.operations.parts import (
    BYTES,
    PROBLEM,
    REF,
    closed_object,
    header_parameter,
    json_content,
    location_header,
    request_body,
    request_or_files,
)
from fleet.render.sealed import CREDENTIALS

JOB: Final = json_content("JobDocument")
_BATCH: Final = json_content("BatchDocument")

_EXAMPLES: Final = {
    "screenshot": {"summary": "A screenshot", "value": {"url": "https://example.com/"}},
    "full_page": {
        "summary": "A whole page as WebP on a dense screen",
        "value": {
            "url": "https://example.com/",
            "format": "webp",
            "quality": 80,
            "full_page": True,
            "viewport": {"width": 1440, "height": 900},
            "device_scale_factor": 2,
        },
    },
    "invoice": {
        "summary": "HTML to pdf",
        "value": {"html": "<h1>Invoice 7</h1>", "format": "pdf", "external_id": "invoice-7"},
    },
}
CREATE_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            **header_parameter("Repeat a call with the same key and get the same job.", maximum=255),
        },
        {
            "name": "Prefer",
            **header_parameter("`wait=N`: wait up to N seconds, 60 at most, for the job's end."),
        },
    ],
    **request_or_files("RenderRequest", _EXAMPLES),
    "responses": {
        "200": {
            "description": "The job has ended. With `Accept: image/*` or `application/pdf`: its artifact.",
            "headers": location_header("job"),
            "content": {**JOB, **BYTES},
        },
        "202": {"description": "The job is accepted.", "headers": location_header("job"), "content": JOB},
    },
}
_CREDENTIALS: Final = {
    name: {"description": "As it was in the job's request."} for name in sorted(CREDENTIALS)
}
_REPLAY: Final = {
    "type": "boolean",
    "default": False,
    "description": "Render from the job's evidence alone, which has to hold bodies.",
}
RETRY_JOB: Final[dict[str, Any]] = {
    "parameters": CREATE_JOB["parameters"],
    **request_body(
        closed_object(**_CREDENTIALS, replay=_REPLAY),
        {
            "cookies": {"summary": "A job that had cookies", "value": {"cookies": ["session=abc"]}},
            "replay": {"summary": "Render from the evidence, without the web", "value": {"replay": True}},
        },
        is_required=False,
    ),
    "responses": {
        "200": {"description": "The job has ended.", "headers": location_header("job"), "content": JOB},
        "202": CREATE_JOB["responses"]["202"],
    },
}
MOVE_JOB: Final[dict[str, Any]] = request_body(
    {
        **closed_object(priority={"type": "integer", "minimum": 0, "maximum": 9}),
        "required": ["priority"],
    },
    {"first": {"summary": "Ahead of the others", "value": {"priority": 9}}},
)
CANCEL_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Prefer",
            **header_parameter("`wait=N`: wait up to N seconds, 60 at most, for a running job's end."),
        }
    ],
    "responses": {
        "200": {"description": "The job has ended.", "content": JOB},
        "202": {
            "description": "The job will be stopped.",
            "headers": location_header("job"),
            "content": JOB,
        },
    },
}
_ITEMS: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": 100,
    "items": {"$ref": REF.format(model="RenderRequest")},
}
_TWO_JOBS: Final = [
    {"url": "https://example.com/", "external_id": "home"},
    {"html": "<h1>Invoice 7</h1>", "format": "pdf", "external_id": "invoice-7"},
]
CREATE_BATCH: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            **header_parameter(
                "Repeat a call with the same key and get the same jobs and refusals.", maximum=255
            ),
        }
    ],
    **request_body(
        {**closed_object(jobs=_ITEMS), "required": ["jobs"]},
        {"two": {"summary": "A picture and a document", "value": {"jobs": _TWO_JOBS}}},
    ),
    "responses": {
        "200": {"description": "A repeated call, whose jobs have all ended.", "content": _BATCH},
        "202": {"description": "At least one job is accepted.", "content": _BATCH},
        "422": {
            "description": "No item is valid, or the batch itself is not.",
            "content": {**_BATCH, **PROBLEM},
        },
    },
}
