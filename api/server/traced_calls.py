"""A span for each call of the API, in the trace of the caller if it names one."""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.noted_caller import ids_of_caller
from fleet.telemetry.traces import Side, continued, is_recording, span

# Health checks and metrics come every few seconds, and tell nobody anything.
_TRACED: Final = "/v1/"


class TracedCalls:
    """A middleware. What the routes do within a call belongs to its span."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http" or not scope["path"].startswith(_TRACED):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("traceparent")
        if given is None and not is_recording():  # nothing to record or to carry: it costs nothing
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        with (
            continued(given),
            span(method, Side.SERVER, **{"http.request.method": method}) as call,
        ):
            await self._app(scope, receive, send_and_note)
            route = getattr(scope.get("route"), "path", None)
            if route is not None:
                call.rename(f"{method} {route}")
            call.note(**{"http.route": route, "http.response.status_code": status}, **ids_of_caller(scope))
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                call.fail(str(status))
