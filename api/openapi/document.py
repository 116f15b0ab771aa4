"""The OpenAPI document: what FastAPI knows of the routes, and what several routes have in common."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.problems import Problem
from api.openapi.operations.parts import REF, problems
from fleet.comparisons.request import CompareRequest
from fleet.jobs.document.job import JobDocument
from fleet.jobs.document.webhook import WebhookDocument
from fleet.render.options.job import JobOptions
from fleet.render.request import RENDER_GROUPS, RenderRequest
from fleet.schedules.request import ScheduleRequest
from fleet.tenants.requests import KeyRequest, TenantChanges, TenantRequest

# Calls of operators have no rate limit.
_UNLIMITED: Final = ("/v1/admin/", "/v1/fleet")
# As draft-ietf-httpapi-ratelimit-headers-11 has them: lists of RFC 9651 with one member.
_LIMIT_HEADERS: Final = {
    "RateLimit-Policy": {
        "description": "How many calls may be made: `q` at once, and as many again within `w` seconds.",
        "schema": {"type": "string"},
        "example": '"default";q=1000;w=2',
    },
    "RateLimit": {
        "description": "How many calls are left: `r`. Spread over `t` seconds, they are within the limit; "
        "with `r=0`, the next call is allowed after `t` seconds.",
        "schema": {"type": "string"},
        "example": '"default";r=998;t=2',
    },
}
# An extension of ours, as the specification allows them (OpenAPI 3.1.0, section 4.9).
GROUP: Final = "x-group"
_RETRY_AFTER: Final = {
    "description": "Seconds after which the call may be tried again.",
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
# Calls that the server makes (OpenAPI 3.1, "webhooks").
_WEBHOOKS: Final[dict[str, Any]] = {
    "job-ended": {
        "post": {
            "summary": "A job with `webhook_url` has ended",
            "description": "Signed as standardwebhooks.com says: `webhook-id`, `webhook-timestamp`, "
            "`webhook-signature`. Sent at least once; the id stays the same.",
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": REF.format(model="WebhookDocument")}}}
            },
            "responses": {
                "2XX": {"description": "Delivered."},
                "410": {"description": "Gone: nothing more is sent to this address."},
                "default": {"description": "Tried again for a day."},
            },
        }
    }
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document. It is made once and kept in the app."""
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
            (CompareRequest, "validation"),
            (KeyRequest, "validation"),
            (TenantChanges, "validation"),
            (TenantRequest, "validation"),
            (JobDocument, "serialization"),
            (WebhookDocument, "serialization"),
            (Problem, "serialization"),
        ],
        ref_template=REF,
    )
    schemas |= extra["$defs"]
    _tell_groups(schemas["RenderRequest"]["properties"])
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


def _tell_groups(options: Mapping[str, dict[str, Any]]) -> None:
    """Say of each option which group it is of, so that a form can show together what belongs together."""
    groups: tuple[type[BaseModel], ...] = (*RENDER_GROUPS, JobOptions)
    for group in groups:
        for name in group.model_fields:
            options[name][GROUP] = group.__module__.rpartition(".")[2]


def _tell_limits(operations: Mapping[str, dict[str, Any]]) -> None:
    """Every call can be refused with 429, and every answer to a valid key says how many calls are left."""
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
        # A signed link needs no key: its operation says so itself.
        operation.setdefault("security", [{name: []} for name in _SECURITY_SCHEMES])
