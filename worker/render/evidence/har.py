"""Requests and their answers as HAR 1.2 (w3c.github.io/web-performance/specs/HAR/Overview.html).

Bodies are files beside it, named in `content._file`: so Playwright writes them too, and can replay them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from worker.render.evidence.exchange import Exchange
from worker.render.evidence.redaction import Redactor

# Within the zip.
BODIES: Final = "bodies/"
# As HAR has it: not known.
_UNKNOWN: Final = -1


def har(exchanges: Sequence[Exchange], redactor: Redactor, *, versions: dict[str, str]) -> dict[str, Any]:
    """All exchanges as one document.

    Args:
        exchanges: in the order in which they began.
        redactor: takes secrets out.
        versions: of `renderfleet` and `browser`.
    """
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "renderfleet", "version": versions["renderfleet"]},
            "browser": {"name": "Chromium", "version": versions["browser"]},
            "entries": [_entry(exchange, redactor) for exchange in exchanges],
        }
    }


def _entry(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    took_ms = _UNKNOWN if exchange.ended_at is None else (exchange.ended_at - exchange.began_at) * 1000
    entry: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(exchange.wall_time, UTC).isoformat(),
        "time": round(took_ms, 1),
        "request": _request(exchange, redactor),
        "response": _response(exchange, redactor),
        "cache": {},
        "timings": _timings(exchange, took_ms),
        "_resourceType": exchange.kind.lower(),
        "_fromCache": exchange.is_from_cache,
    }
    if exchange.failure:
        entry["response"]["_failureText"] = exchange.failure
    return entry


def _request(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    query = parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)
    request: dict[str, Any] = {
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": exchange.protocol,
        "cookies": [],
        "headers": redactor.fields(exchange.sent),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN if exchange.has_sent_body else 0,
    }
    if exchange.has_sent_body:
        # It may be a password that was typed, of any length.
        request["comment"] = "what was sent is left out"
    return request


def _response(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    size = exchange.body_bytes or exchange.received_bytes
    content: dict[str, Any] = {"size": size, "mimeType": exchange.mime_type}
    if exchange.body:
        content["_file"] = f"{BODIES}{exchange.body}"
    elif exchange.lacks_body:
        content["comment"] = "left out"
    if exchange.led_to:
        content |= {"comment": "left before its end", "_ledTo": exchange.led_to}
    location = next((text for name, text in exchange.received.items() if name.lower() == "location"), "")
    return {
        "status": exchange.status,
        "statusText": exchange.status_text or _phrase(exchange.status),
        "httpVersion": exchange.protocol,
        "cookies": [],
        "headers": redactor.fields(exchange.received),
        "content": content,
        "redirectURL": redactor.text(location),
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN if exchange.transferred_bytes is None else exchange.transferred_bytes,
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _timings(exchange: Exchange, took_ms: float) -> dict[str, float]:
    timing = exchange.timing
    sent, came = timing.get("sendEnd", _UNKNOWN), timing.get("receiveHeadersEnd", _UNKNOWN)
    if min(sent, came) < 0 or took_ms < came:
        return {"send": _UNKNOWN, "wait": round(took_ms, 1), "receive": _UNKNOWN}
    # Of the connection nothing is told: it leads to the egress proxy.
    return {"send": 0, "wait": round(came - sent, 1), "receive": round(took_ms - came, 1)}
