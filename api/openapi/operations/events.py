"""Streams of events in the OpenAPI document: of one job, and of all jobs of a tenant."""

from typing import Any, Final

from api.openapi.operations.parts import header_parameter

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
            **header_parameter("The id of the last event seen, as an `EventSource` sends it."),
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
