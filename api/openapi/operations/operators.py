"""Calls of operators in the OpenAPI document: the fleet, tenants and their keys."""

from typing import Any, Final

from api.openapi.operations.parts import closed_object, created_answer, json_content, request_body

PAUSE_FLEET: Final[dict[str, Any]] = request_body(
    closed_object(reason={"type": ["string", "null"], "maxLength": 200}),
    {"upgrade": {"value": {"reason": "upgrade of Postgres"}}},
    is_required=False,
)
_LIMITS: Final = {"max_requests_per_s": 20, "max_renders_per_month": 10000}
_KEY: Final = {"tenant_id": "0198c1d0-0000-7000-8000-000000000001", "name": "shop"}

CHANGE_TENANT: Final[dict[str, Any]] = request_body("TenantChanges", {"limits": {"value": _LIMITS}})
CREATE_TENANT: Final[dict[str, Any]] = {
    **request_body("TenantRequest", {"acme": {"value": {"name": "acme", **_LIMITS}}}),
    **created_answer("tenant", "The tenant is made."),
}
CREATE_KEY: Final[dict[str, Any]] = {
    **request_body("KeyRequest", {"shop": {"value": _KEY}}),
    **created_answer("key", "The key is made; `key` is shown only in this answer."),
}
ERASE_TENANT: Final[dict[str, Any]] = {
    "responses": {
        "200": {"description": "The tenant is gone.", "content": json_content("ErasureDocument")},
        "202": {"description": "Workers erase it.", "content": json_content("ErasureDocument")},
    },
}
