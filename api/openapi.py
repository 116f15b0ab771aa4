"""The OpenAPI document: what FastAPI does not see by itself, since bodies and answers bypass it for speed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.problems import MEDIA_TYPE, Problem
from fleet.documents import JobDocument, WebhookDocument
from fleet.options.source import MAX_URL_LENGTH
from fleet.request import RenderRequest
from fleet.schedule_request import ScheduleRequest
from fleet.tenant_request import TenantChanges, TenantRequest
from fleet.tenants import Scope

_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
_JOB: Final = {"application/json": {"schema": {"$ref": _REF.format(model="JobDocument")}}}

# An operator's calls are not limited.
_UNLIMITED: Final = ("/v1/admin/", "/v1/fleet")
# As draft-ietf-httpapi-ratelimit-headers-11 has them: lists of RFC 9651 with one member.
_LIMIT_HEADERS: Final = {
    "RateLimit-Policy": {
        "description": "How many calls may be made: `q` at once, and as many again within `w` seconds.",
        "schema": {"type": "string"},
        "example": '"default";q=1000;w=2',
    },
    "RateLimit": {
        "description": "How many of them are left: `r`, which last when they are spread over `t` seconds; "
        "with `r=0`, the seconds until there is one again.",
        "schema": {"type": "string"},
        "example": '"default";r=998;t=2',
    },
}
_RETRY_AFTER: Final = {
    "description": "Seconds after which it may be tried again.",
    "schema": {"type": "integer", "minimum": 1},
}

DESCRIPTION: Final = (
    "Turns web addresses and HTML into PNG, JPEG, WebP or PDF as durable jobs. Enqueue with `POST /v1/jobs`, "
    "then poll, wait, follow its events or fetch the artifact. Errors are problem documents (RFC 9457) with "
    "a stable `type`."
)
_SECURITY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer rf_…`"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

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


def _header(description: str, *, maximum: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if maximum is not None:
        schema |= {"minLength": 1, "maxLength": maximum, "pattern": "^[!-~]+$"}
    return {"in": "header", "required": False, "description": description, "schema": schema}


_LOCATION: Final = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}

CREATE_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            **_header("Repeat a call with the same key and get the same job.", maximum=255),
        },
        {"name": "Prefer", **_header("`wait=N`: wait up to N seconds, 60 at most, for the job's end.")},
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="RenderRequest")},
                "examples": _EXAMPLES,
            }
        },
    },
    "responses": {
        "200": {"description": "The job has ended.", "headers": _LOCATION, "content": _JOB},
        "202": {"description": "The job is accepted.", "headers": _LOCATION, "content": _JOB},
    },
}

_IDEMPOTENCY_KEY_OF_ALL: Final = {
    "name": "Idempotency-Key",
    **_header("Repeat a call with the same key and get the same jobs, and refusals.", maximum=255),
}
_BATCH: Final = {"application/json": {"schema": {"$ref": _REF.format(model="BatchDocument")}}}
CREATE_BATCH: Final[dict[str, Any]] = {
    "parameters": [_IDEMPOTENCY_KEY_OF_ALL],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "jobs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 100,
                            "items": {"$ref": _REF.format(model="RenderRequest")},
                        }
                    },
                    "required": ["jobs"],
                    "additionalProperties": False,
                },
                "examples": {
                    "two": {
                        "summary": "A picture and a document",
                        "value": {
                            "jobs": [
                                {"url": "https://example.com/", "external_id": "home"},
                                {"html": "<h1>Invoice 7</h1>", "format": "pdf", "external_id": "invoice-7"},
                            ]
                        },
                    }
                },
            }
        },
    },
    "responses": {
        "200": {"description": "Known by its key, and all jobs have ended.", "content": _BATCH},
        "202": {"description": "At least one job is accepted.", "content": _BATCH},
        "422": {
            "description": "No item is valid, or the batch itself is not.",
            "content": {**_BATCH, **_PROBLEM},
        },
    },
}

RETRY_JOB: Final[dict[str, Any]] = {
    "parameters": CREATE_JOB["parameters"],
    "responses": CREATE_JOB["responses"],
}

CANCEL_JOB: Final[dict[str, Any]] = {
    "parameters": [
        {"name": "Prefer", **_header("`wait=N`: wait up to N seconds, 60 at most, for a running job's end.")}
    ],
    "responses": {
        "200": {"description": "The job has ended.", "content": _JOB},
        "202": {"description": "The job will be stopped.", "headers": _LOCATION, "content": _JOB},
    },
}

CREATE_WEBHOOK: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"url": {"type": "string", "maxLength": MAX_URL_LENGTH}},
                    "required": ["url"],
                    "additionalProperties": False,
                },
                "examples": {"webhook": {"value": {"url": "https://example.com/hooks/renders"}}},
            }
        },
    },
    "responses": {
        "200": {
            "description": "The address is known.",
            "content": {"application/json": {"schema": {"$ref": _REF.format(model="WebhookDetails")}}},
        },
    },
}
# What goes the other way (OpenAPI 3.1, "webhooks").
_WEBHOOKS: Final[dict[str, Any]] = {
    "job-ended": {
        "post": {
            "summary": "A job with `webhook_url` has ended",
            "description": "Signed as standardwebhooks.com says: `webhook-id`, `webhook-timestamp`, "
            "`webhook-signature`. Sent at least once; the id stays the same.",
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": _REF.format(model="WebhookDocument")}}}
            },
            "responses": {
                "2XX": {"description": "Taken; nothing more is sent."},
                "410": {"description": "Gone: nothing is sent to this address any more."},
                "default": {"description": "Tried again, for a day."},
            },
        }
    }
}

_SCHEDULE_EXAMPLE: Final = {
    "name": "prices, each working day",
    "cron": "0 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "job": {"url": "https://example.com/prices", "webhook_url": "https://example.com/hooks/renders"},
    "deliver": "when_changed",
}
REPLACE_SCHEDULE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="ScheduleRequest")},
                "examples": {"prices": {"value": _SCHEDULE_EXAMPLE}},
            }
        },
    }
}
CREATE_SCHEDULE: Final[dict[str, Any]] = {
    **REPLACE_SCHEDULE,
    "responses": {
        "201": {
            "description": "The schedule is stored.",
            "headers": {"Location": {"description": "Path of the schedule.", "schema": {"type": "string"}}},
        }
    },
}
SWITCH_SCHEDULE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"enabled": {"type": "boolean"}},
                    "required": ["enabled"],
                    "additionalProperties": False,
                },
                "examples": {"disable": {"value": {"enabled": False}}},
            }
        },
    }
}

PAUSE_FLEET: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"reason": {"type": ["string", "null"], "maxLength": 200}},
                    "additionalProperties": False,
                },
                "examples": {"upgrade": {"value": {"reason": "upgrade of Postgres"}}},
            }
        },
    }
}

BYTES: Final = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in ("image/png", "image/jpeg", "image/webp", "application/pdf")
}
READ_ARTIFACT: Final[dict[str, Any]] = {
    "responses": {
        "200": {"description": "The whole artifact (`proxy=true`).", "content": BYTES},
        "206": {"description": "The part that Range asked for (`proxy=true`).", "content": BYTES},
        "304": {"description": "If-None-Match names this artifact (`proxy=true`)."},
        "307": {"description": "Redirect to a presigned address.", "headers": _LOCATION},
    },
}


_TENANT_EXAMPLE: Final = {"max_requests_per_s": 20, "max_renders_per_month": 10000}
CHANGE_TENANT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="TenantChanges")},
                "examples": {"limits": {"value": _TENANT_EXAMPLE}},
            }
        },
    }
}
CREATE_TENANT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="TenantRequest")},
                "examples": {"acme": {"value": {"name": "acme", **_TENANT_EXAMPLE}}},
            }
        },
    },
    "responses": {
        "201": {
            "description": "The tenant is made.",
            "headers": {"Location": {"description": "Path of the tenant.", "schema": {"type": "string"}}},
        }
    },
}
CREATE_KEY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "tenant_id": {"type": "string", "format": "uuid"},
                        "name": {"type": "string", "minLength": 1, "maxLength": 100, "default": "default"},
                        "scopes": {
                            "type": "array",
                            "items": {"enum": [word.value for word in Scope]},
                            "minItems": 1,
                            "uniqueItems": True,
                            "default": ["render", "read"],
                        },
                        "expires_in_s": {"type": ["integer", "null"], "minimum": 1, "maximum": 315_360_000},
                    },
                    "required": ["tenant_id"],
                    "additionalProperties": False,
                },
                "examples": {
                    "shop": {"value": {"tenant_id": "0198c1d0-0000-7000-8000-000000000001", "name": "shop"}}
                },
            }
        },
    },
    "responses": {
        "201": {
            "description": "The key is made; `key` is shown this once.",
            "headers": {"Location": {"description": "Path of the key.", "schema": {"type": "string"}}},
        }
    },
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
        {"name": "Last-Event-ID", **_header("The id of the last event seen, as an `EventSource` sends it.")}
    ],
    "responses": {
        "200": {
            "description": "The stream. It closes after the job's end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS_EXAMPLE}},
        },
        "204": {"description": "`Last-Event-ID` names the job's end: there is nothing more to come."},
    },
}


def problems(*statuses: int) -> dict[str, Any]:
    """Arguments of a route that may answer with problem documents of these statuses."""
    return {
        "responses": {
            status: {"description": HTTPStatus(status).phrase, "content": _PROBLEM} for status in statuses
        }
    }


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once and kept in the app."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    _, extra = models_json_schema(
        [
            (RenderRequest, "validation"),
            (ScheduleRequest, "validation"),
            (TenantChanges, "validation"),
            (TenantRequest, "validation"),
            (JobDocument, "serialization"),
            (WebhookDocument, "serialization"),
            (Problem, "serialization"),
        ],
        ref_template=_REF,
    )
    schemas |= extra["$defs"]
    document["components"]["securitySchemes"] = _SECURITY_SCHEMES
    document["components"]["headers"] = _LIMIT_HEADERS
    document["webhooks"] = _WEBHOOKS
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            _require_key(operations)
            if not path.startswith(_UNLIMITED):
                _tell_limits(operations)
    app.openapi_schema = document
    return document


def _tell_limits(operations: Mapping[str, dict[str, Any]]) -> None:
    """Any call may be one too many, and each answer to a caller who is known says how many are left."""
    for operation in operations.values():
        responses = operation["responses"]
        too_many = responses.setdefault("429", problems(429)["responses"][429])
        for status, response in responses.items():
            if status != "401":
                headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT_HEADERS}
                response["headers"] = {**response.get("headers", {}), **headers}
        too_many["headers"]["Retry-After"] = _RETRY_AFTER


def _require_key(operations: Mapping[str, dict[str, Any]]) -> None:
    for operation in operations.values():
        # A signed link is its own permission, and says so.
        operation.setdefault("security", [{name: []} for name in _SECURITY_SCHEMES])
