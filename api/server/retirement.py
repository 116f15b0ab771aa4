"""How long one API process serves: so many requests, then it makes way for its successor and ends.

Memory that leaks somewhere, in us or below us, so never becomes a story. Nothing is dropped on the way. The
successor listens on the same socket before this process stops to, so no connection is refused. From then on
every answer here carries `Connection: close`, so no caller sends a request into a connection that is about
to close; an idle one ends as always, when uvicorn's keep-alive time (5 s) is over. Calls that wait for a job
wait on.
"""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.supervisor import DUE, GO, NOT_NOW, READY
from fleet.telemetry.logs import get_logger

# Longer than any call may wait for its job (60 s). Streams of events then end, and are followed elsewhere.
_WAITERS_S: Final = 75.0
# What is left then are downloads.
_DOWNLOADS_S: Final = 900.0
_LOOK_S: Final = 0.1

log = get_logger(__name__)


class Tenure:
    """The outermost layer of the application: counts the requests, and tells callers when to reconnect.

    Attributes:
        over: set once this process has served its share of requests.
        served: requests so far.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        """Begin.

        Args:
            app: what answers.
            max_requests: how many requests are its share, spread by a tenth so that processes that were
                started together do not go together; 0 means any number.
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
            # Looked at when the answer begins: the call may have come before.
            if self._is_ending and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)

    async def serve_out(
        self,
        server: uvicorn.Server,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        release: Callable[[], None],
    ) -> None:
        """Tell the supervisor when this process is due, and leave when it says so, or is no more itself.

        Args:
            server: whose end is wanted then.
            reader: of the channel to the supervisor.
            writer: of the same.
            release: answers who still waits for a job.
        """
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_LOOK_S / 10)
        log.info("serving", pid=os.getpid())
        writer.write(READY)
        telling = asyncio.create_task(self._tell(writer))
        try:
            while (order := await reader.read(1)) == NOT_NOW:
                log.warning("the successor did not start, serving on; it is tried again in a minute")
            if order == GO:
                await self._leave(server, release)
        except OSError as error:
            log.warning("the channel to the supervisor broke", error=repr(error))
        finally:
            telling.cancel()
            release()
            server.should_exit = True

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        await self.over.wait()
        writer.write(DUE)

    async def _leave(self, server: uvicorn.Server, release: Callable[[], None]) -> None:
        log.info(
            "another process serves from here on, finishing what is open", pid=os.getpid(), served=self.served
        )
        self._is_ending = True
        for listening in server.servers:
            listening.close()
        if not await _all_closed(server, within_s=_WAITERS_S):
            release()
            if not await _all_closed(server, within_s=_DOWNLOADS_S):
                log.warning("cutting off calls", calls=len(server.server_state.connections))


async def _all_closed(server: uvicorn.Server, *, within_s: float) -> bool:
    """Wait until no connection is open; False when `within_s` seconds are over before."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within_s
    # uvicorn takes a connection into its set a moment after the kernel has given it.
    await asyncio.sleep(_LOOK_S)
    while server.server_state.connections:
        if clock() > deadline or server.should_exit:
            return False
        await asyncio.sleep(_LOOK_S)  # a set tells nobody that it is empty
    return True
