"""Request bodies and answers in the OpenAPI document.

FastAPI does not know them, because the routes read bodies and write answers themselves, which is faster.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from api.http.problems import MEDIA_TYPE
from fleet.render.options.output import CONTENT_TYPES
from fleet.render.options.source import MAX_URL_LENGTH
from fleet.render.sealed import CREDENTIALS

REF: Final = "#/components/schemas/{model}"


def _json_content(model: str) -> dict[str, Any]:
    """JSON content with one of the document's schemas."""
    return {"application/json": {"schema": {"$ref": REF.format(model=model)}}}


def _closed_object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has just these properties."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _request_body(
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


def _request_or_files(schema: str | Mapping[str, Any], examples: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an operation that takes a request as JSON, or as a form together with files."""
    body = _request_body(schema, examples)
    content = body["requestBody"]["content"]
    file = {"type": "string", "format": "binary", "description": "A file; its file name is its name."}
    form = _closed_object(
        request=content["application/json"]["schema"], files={"type": "array", "items": file}
    )
    content["multipart/form-data"] = {
        "schema": {**form, "required": ["files"]},
        "encoding": {"request": {"contentType": "application/json"}},
    }
    return body


def _location_header(of: str) -> dict[str, Any]:
    return {"Location": {"description": f"Path of the {of}.", "schema": {"type": "string"}}}


def _created_answer(what: str, description: str) -> dict[str, Any]:
    """The answer to a call that makes something."""
    return {"responses": {"201": {"description": description, "headers": _location_header(what)}}}


def _header_parameter(description: str, *, maximum: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if maximum is not None:
        schema |= {"minLength": 1, "maxLength": maximum, "pattern": "^[!-~]+$"}
    return {"in": "header", "required": False, "description": description, "schema": schema}


def problems(*statuses: int) -> dict[str, Any]:
    """Arguments of a route that may answer with problem documents of these statuses."""
    return {
        "responses": {
            status: {"description": HTTPStatus(status).phrase, "content": _PROBLEM} for status in statuses
        }
    }


_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
_JOB: Final = _json_content("JobDocument")
_BATCH: Final = _json_content("BatchDocument")

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

BYTES: Final = {
    media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for media_type in CONTENT_TYPES.values()
}
CREATE_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            **_header_parameter("Repeat a call with the same key and get the same job.", maximum=255),
        },
        {
            "name": "Prefer",
            **_header_parameter("`wait=N`: wait up to N seconds, 60 at most, for the job's end."),
        },
    ],
    **_request_or_files("RenderRequest", _EXAMPLES),
    "responses": {
        "200": {
            "description": "The job has ended. With `Accept: image/*` or `application/pdf`: its artifact.",
            "headers": _location_header("job"),
            "content": {**_JOB, **BYTES},
        },
        "202": {"description": "The job is accepted.", "headers": _location_header("job"), "content": _JOB},
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
    **_request_body(
        _closed_object(**_CREDENTIALS, replay=_REPLAY),
        {
            "cookies": {"summary": "A job that had cookies", "value": {"cookies": ["session=abc"]}},
            "replay": {"summary": "Render from the evidence, without the web", "value": {"replay": True}},
        },
        is_required=False,
    ),
    "responses": {
        "200": {"description": "The job has ended.", "headers": _location_header("job"), "content": _JOB},
        "202": CREATE_JOB["responses"]["202"],
    },
}
MOVE_JOB: Final[dict[str, Any]] = _request_body(
    {
        **_closed_object(priority={"type": "integer", "minimum": 0, "maximum": 9}),
        "required": ["priority"],
    },
    {"first": {"summary": "Ahead of the others", "value": {"priority": 9}}},
)
CANCEL_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Prefer",
            **_header_parameter("`wait=N`: wait up to N seconds, 60 at most, for a running job's end."),
        }
    ],
    "responses": {
        "200": {"description": "The job has ended.", "content": _JOB},
        "202": {
            "description": "The job will be stopped.",
            "headers": _location_header("job"),
            "content": _JOB,
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
            **_header_parameter(
                "Repeat a call with the same key and get the same jobs and refusals.", maximum=255
            ),
        }
    ],
    **_request_body(
        {**_closed_object(jobs=_ITEMS), "required": ["jobs"]},
        {"two": {"summary": "A picture and a document", "value": {"jobs": _TWO_JOBS}}},
    ),
    "responses": {
        "200": {"description": "A repeated call, whose jobs have all ended.", "content": _BATCH},
        "202": {"description": "At least one job is accepted.", "content": _BATCH},
        "422": {
            "description": "No item is valid, or the batch itself is not.",
            "content": {**_BATCH, **_PROBLEM},
        },
    },
}

_WEBHOOK: Final = {**_closed_object(url={"type": "string", "maxLength": MAX_URL_LENGTH}), "required": ["url"]}
CREATE_WEBHOOK: Final[dict[str, Any]] = {
    **_request_body(_WEBHOOK, {"webhook": {"value": {"url": "https://example.com/hooks/renders"}}}),
    "responses": {
        "200": {
            "description": "The address was registered before.",
            "content": _json_content("WebhookDetails"),
        }
    },
}

_SCHEDULE: Final = {
    "name": "prices, each working day",
    "cron": "0 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "job": {"url": "https://example.com/prices", "webhook_url": "https://example.com/hooks/renders"},
    "deliver": "when_changed",
}
REPLACE_SCHEDULE: Final[dict[str, Any]] = _request_body("ScheduleRequest", {"prices": {"value": _SCHEDULE}})
CREATE_SCHEDULE: Final[dict[str, Any]] = {
    **REPLACE_SCHEDULE,
    **_created_answer("schedule", "The schedule is stored."),
}
SWITCH_SCHEDULE: Final[dict[str, Any]] = _request_body(
    {**_closed_object(enabled={"type": "boolean"}), "required": ["enabled"]},
    {"disable": {"value": {"enabled": False}}},
)
RUN_SCHEDULE: Final[dict[str, Any]] = {
    "parameters": [CREATE_JOB["parameters"][1]],
    "responses": RETRY_JOB["responses"],
}

PAUSE_FLEET: Final[dict[str, Any]] = _request_body(
    _closed_object(reason={"type": ["string", "null"], "maxLength": 200}),
    {"upgrade": {"value": {"reason": "upgrade of Postgres"}}},
    is_required=False,
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
    headers = {**_location_header("job"), **job}
    prefer = _header_parameter("`wait=N`: wait up to N seconds, 60 at most, for the bytes; 55 without it.")
    return {
        "parameters": [CREATE_JOB["parameters"][0], {"name": "Prefer", **prefer}],
        **_request_or_files(schema, {"usual": {"value": example}}),
        "responses": {
            "200": {"description": "The artifact.", "headers": headers, "content": content},
            "202": {"description": "The job goes on.", "headers": headers, "content": _JOB},
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

COMPARE_JOBS: Final[dict[str, Any]] = _request_body(
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

_LIMITS: Final = {"max_requests_per_s": 20, "max_renders_per_month": 10000}
_KEY: Final = {"tenant_id": "0198c1d0-0000-7000-8000-000000000001", "name": "shop"}
CHANGE_TENANT: Final[dict[str, Any]] = _request_body("TenantChanges", {"limits": {"value": _LIMITS}})
CREATE_TENANT: Final[dict[str, Any]] = {
    **_request_body("TenantRequest", {"acme": {"value": {"name": "acme", **_LIMITS}}}),
    **_created_answer("tenant", "The tenant is made."),
}
CREATE_KEY: Final[dict[str, Any]] = {
    **_request_body("KeyRequest", {"shop": {"value": _KEY}}),
    **_created_answer("key", "The key is made; `key` is shown only in this answer."),
}

_EVENTS_EXAMPLE: Final = """\
id: 0-queued
event: queued
data: {"id":"0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01","status":"queued","attempt":0, …}

id: 1-running
event: running
data: {"id":"0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01","status":"running","attempt":1, …}

id: 1-succeeded
event: succeeded
data: {"id":"0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01","status":"succeeded","attempt":1, …}

"""
READ_EVENTS: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            **_header_parameter("The id of the last event seen, as an `EventSource` sends it."),
        }
    ],
    "responses": {
        "200": {
            "description": "The stream. It closes after the job's end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS_EXAMPLE}},
        },
        "204": {"description": "`Last-Event-ID` names the job's end: no more events follow."},
    },
}

_TENANT_EVENTS_EXAMPLE: Final = """\
id: 1769860800104211
event: queued
data: {"id":"0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01","status":"queued","attempt":0,"external_id":null,\
"at":"2026-01-31T12:00:00.104211+00:00"}

id: 1769860801730004
event: succeeded
data: {"id":"0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01","status":"succeeded","attempt":1,"external_id":null,\
"at":"2026-01-31T12:00:01.730004+00:00"}

"""
READ_TENANT_EVENTS: Final[dict[str, Any]] = {
    "parameters": READ_EVENTS["parameters"],
    "responses": {
        "200": {
            "description": "The stream. It closes only when the server stops or the key ends.",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": _TENANT_EVENTS_EXAMPLE}
            },
        },
    },
}

ERASE_TENANT: Final[dict[str, Any]] = {
    "responses": {
        "200": {"description": "The tenant is gone.", "content": _json_content("ErasureDocument")},
        "202": {"description": "Workers erase it.", "content": _json_content("ErasureDocument")},
    },
}
