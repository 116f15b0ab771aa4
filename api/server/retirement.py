"""How long one API process serves: after a number of requests, a successor takes over, and the process ends.

So memory leaks, of our code or of libraries, cannot grow without limit. No call is lost. The successor
listens on the same socket before this process stops listening, so no connection is refused. After that, each
answer of this process has `Connection: close`, so that no caller sends a request into a connection that is
being closed. Idle connections end when the keep-alive time is over. Calls that wait for a job go on waiting.
"""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.supervisor import DUE, LEAVE, READY, SERVE_ON
from fleet.telemetry.logs import get_logger

# Longer than any call may wait for its job (60 s). Then event streams are ended; callers continue them at the
# successor.
_WAITERS_TIMEOUT_S: Final = 75.0
# The calls that are left then are downloads.
_DOWNLOADS_TIMEOUT_S: Final = 900.0
_CHECK_INTERVAL_S: Final = 0.1

log = get_logger(__name__)


class Retirement:
    """The outermost middleware: counts requests, and tells callers to reconnect while the process leaves.

    Attributes:
        over: set once this process has served its share of requests.
        served: requests so far.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        """Begin.

        Args:
            app: the application.
            max_requests: how many requests it serves, varied by up to a tenth so that processes which were
                started together do not leave together; 0: no limit.
        """
        self.over = asyncio.Event()
        self.served = 0
        self._app = app
        self._share = round(max_requests * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing
        self._is_ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.served += 1
        if self.served == self._share:
            self.over.set()

        async def send_last(message: Message) -> None:
            # Checked when the answer begins, because the process may start to leave during the call.
            if self._is_ending and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)

    async def serve_until_replaced(
        self,
        server: uvicorn.Server,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        release: Callable[[], None],
    ) -> None:
        """Tell the supervisor when this process is due. Leave when the supervisor says so, or has ended.

        Args:
            server: the server of this process, which is stopped then.
            reader: reads from the channel to the supervisor.
            writer: writes to it.
            release: answers the calls that still wait for a job.
        """
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_CHECK_INTERVAL_S / 10)
        log.info("serving", pid=os.getpid())
        writer.write(READY)
        telling = asyncio.create_task(self._report_due(writer))
        try:
            while (order := await reader.read(1)) == SERVE_ON:
                log.warning("the successor did not start, serving on; it is tried again in a minute")
            if order == LEAVE:
                await self._leave(server, release)
        except OSError as error:
            log.warning("the channel to the supervisor broke", error=repr(error))
        finally:
            telling.cancel()
            release()
            server.should_exit = True

    async def _report_due(self, writer: asyncio.StreamWriter) -> None:
        await self.over.wait()
        writer.write(DUE)

    async def _leave(self, server: uvicorn.Server, release: Callable[[], None]) -> None:
        log.info(
            "another process serves from here on, finishing what is open", pid=os.getpid(), served=self.served
        )
        self._is_ending = True
        for listening in server.servers:
            listening.close()
        if not await _all_closed(server, within_s=_WAITERS_TIMEOUT_S):
            release()
            if not await _all_closed(server, within_s=_DOWNLOADS_TIMEOUT_S):
                log.warning("cutting off calls", calls=len(server.server_state.connections))


async def _all_closed(server: uvicorn.Server, *, within_s: float) -> bool:
    """Wait until no connection is open; False when `within_s` seconds are over before."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within_s
    # uvicorn takes a connection into its set a moment after the kernel has given it.
    await asyncio.sleep(_CHECK_INTERVAL_S)
    while server.server_state.connections:
        if clock() > deadline or server.should_exit:
            return False
        await asyncio.sleep(_CHECK_INTERVAL_S)  # uvicorn has no event for it
    return True
