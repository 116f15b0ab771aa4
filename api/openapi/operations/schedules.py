"""Schedules and webhooks in the OpenAPI document."""

from typing import Any, Final

from api.openapi.operations.jobs import CREATE_JOB, RETRY_JOB
from api.openapi.operations.parts import closed_object, created_answer, json_content, request_body
from fleet.render.options.source import MAX_URL_LENGTH

_WEBHOOK: Final = {**closed_object(url={"type": "string", "maxLength": MAX_URL_LENGTH}), "required": ["url"]}
CREATE_WEBHOOK: Final[dict[str, Any]] = {
    **request_body(_WEBHOOK, {"webhook": {"value": {"url": "https://example.com/hooks/renders"}}}),
    "responses": {
        "200": {
            "description": "The address was registered before.",
            "content": json_content("WebhookDetails"),
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
REPLACE_SCHEDULE: Final[dict[str, Any]] = request_body("ScheduleRequest", {"prices": {"value": _SCHEDULE}})
CREATE_SCHEDULE: Final[dict[str, Any]] = {
    **REPLACE_SCHEDULE,
    **created_answer("schedule", "The schedule is stored."),
}
SWITCH_SCHEDULE: Final[dict[str, Any]] = request_body(
    {**closed_object(enabled={"type": "boolean"}), "required": ["enabled"]},
    {"disable": {"value": {"enabled": False}}},
)
RUN_SCHEDULE: Final[dict[str, Any]] = {
    "parameters": [CREATE_JOB["parameters"][1]],
    "responses": RETRY_JOB["responses"],
}
