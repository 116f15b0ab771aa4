"""What each call gets: an id, a log line, metrics, headers, and an answer if there is an unexpected error."""

import re
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.default_headers import ANSWER_HEADERS, with_defaults
from api.http.noted_caller import ids_of_caller
from api.http.problems import REQUEST_ID
from fleet.errors import ErrorType, RenderfleetError
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics.of_api import HTTP_REQUESTS, HTTP_SECONDS

# If the request has such an id, from a proxy for example, it is kept, so that both logs can be compared.
_CALLERS_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# Unknown methods and paths share one label, because the number of labels must be limited.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
_UNMATCHED: Final = "unmatched"
_HUNG_UP: Final = 499  # nginx's number for a caller that did not wait for the answer

log = get_logger(__name__)


class CallLog:
    """The outermost middleware. Logs no query string and no header value."""

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Request, RenderfleetError], Response]) -> None:
        """Take the application, and what makes an answer of an error, in the form that the caller reads."""
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, add its id to the answer, and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope[REQUEST_ID] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *with_defaults(message["headers"], path=scope["path"]),
                    *scope.get(ANSWER_HEADERS, ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        with bind(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except ClientDisconnect:
                status = _HUNG_UP
            except Exception:
                log.exception("unknown error in a call")
                if status == 0:
                    answer = self._refusal(Request(scope), _internal_error())
                    await answer(scope, receive, send_with_headers)
                # Otherwise the server closes the connection, since the answer is not complete.
            finally:
                _record(scope, status or _HUNG_UP, time.perf_counter() - started)


def _internal_error() -> RenderfleetError:
    detail = "unexpected error in the server; the server's log has this call under the request_id"
    return RenderfleetError(ErrorType.INTERNAL_ERROR, detail)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _CALLERS_ID.fullmatch(given) else uuid4().hex


def _record(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    route = getattr(scope.get("route"), "path", _UNMATCHED)
    HTTP_REQUESTS.labels(method, route, status).inc()
    HTTP_SECONDS.labels(method, route).observe(seconds)
    milliseconds = round(seconds * 1000, 2)
    ids = ids_of_caller(scope)
    log.info("call", method=method, route=route, status=status, duration_ms=milliseconds, **ids)
