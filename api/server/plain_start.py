"""If a setting makes the start fail, the log has one line that says what to change, and no traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.errors import OperatorError

_FAILED = "lifespan.startup.failed"


class PlainStart:
    """Middleware for the start of the application; it does not change calls."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the application. If that raises an OperatorError, the server logs only its sentence."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failure: Message | None = None

        async def send_later(message: Message) -> None:
            # Starlette sends the traceback to the server before it raises the error, so this message waits.
            nonlocal failure
            if message["type"] == _FAILED:
                failure = message
            else:
                await send(message)

        try:
            await self._app(scope, receive, send_later)
        except OperatorError as error:
            await send({"type": _FAILED, "message": error.fix})
        except BaseException:
            if failure is not None:
                await send(failure)
            raise
