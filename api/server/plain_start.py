"""A start that fails for a setting's sake: one line in the log says what to mend, without a traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.errors import OperatorError

_FAILED = "lifespan.startup.failed"


class PlainStart:
    """Middleware around the application's start, and nothing else of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the application; what the server is told of an OperatorError is its sentence alone."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failure: Message | None = None

        async def send_later(message: Message) -> None:
            # Starlette tells the server its traceback before it raises the error.
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
