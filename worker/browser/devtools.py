"""Chrome's DevTools Protocol over one websocket: commands, answers, events.

A render is a handful of commands, and each passes through here once: one `json.loads` a message, no task of
its own, no polling. Playwright's driver would add a process hop and a second encoding to each of them; what
that costs is measured in docs/benchmarks.md.

Protocol: https://chromedevtools.github.io/devtools-protocol/ (sessions are "flattened": one socket, a
`sessionId` in every message).
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

Params = dict[str, Any]
Listener = Callable[[Params], None]

_BROWSER: Final = ""  # the id under which the browser's own session is kept
_OPEN_TIMEOUT_S: Final = 10
# Chromium closes its end when it is asked to; a browser that hangs is not waited for.
_CLOSE_TIMEOUT_S: Final = 1


class DevToolsError(Exception):
    """A command has no result."""


class ProtocolError(DevToolsError):
    """Chromium refused a command, in its own words."""


class TargetCrashedError(DevToolsError):
    """The page's renderer process ended, or its tab was taken away."""


class TargetClosedError(TargetCrashedError):
    """The page's tab was closed, by itself or by a browser that ends."""


class ConnectionLostError(DevToolsError):
    """The browser ended, or the connection to it."""


class Session:
    """Commands to one target (a page, or the browser itself) and the events that come from it."""

    def __init__(self, connection: "DevToolsConnection", session_id: str) -> None:
        self._connection = connection
        self._id = session_id
        self._listeners: dict[str, list[Listener]] = {}
        self._open: set[asyncio.Future[Any]] = set()
        self._ended: DevToolsError | None = None

    @property
    def is_alive(self) -> bool:
        """Whether commands can still be answered."""
        return self._ended is None

    async def send(self, method: str, **params: Any) -> Params:
        """Run one command and return its result.

        Raises:
            ProtocolError: Chromium refused it.
            TargetCrashedError: the page ended before it answered.
            ConnectionLostError: the browser ended before it answered.
        """
        answer: asyncio.Future[Params] = self.future()
        await self._connection.write(self._id, method, params, answer)
        return await answer

    def post(self, method: str, **params: Any) -> None:
        """Send a command whose answer nobody waits for, from where one cannot wait."""
        if self._ended is None:
            self._connection.write_soon(self._id, method, params)

    def future(self) -> asyncio.Future[Any]:
        """A future that fails at once when this session ends, for whoever waits for an event.

        Raises:
            TargetCrashedError: the page has ended.
            ConnectionLostError: the browser has ended.
        """
        if self._ended is not None:
            raise type(self._ended)(*self._ended.args)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open.add(future)
        future.add_done_callback(self._settled)
        return future

    def _settled(self, future: asyncio.Future[Any]) -> None:
        self._open.discard(future)
        if not future.cancelled():
            # Whoever waited may have given up at a deadline just before; then nobody else asks why.
            future.exception()

    def on(self, method: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each event of this name, from the reading loop."""
        self._listeners.setdefault(method, []).append(listener)

    def emit(self, method: str, params: Params) -> None:
        """Hand an event to its listeners."""
        for listener in tuple(self._listeners.get(method, ())):
            listener(params)

    def end(self, error: DevToolsError) -> None:
        """Fail everything that waits, now and later. The first reason stays."""
        if self._ended is not None:
            return
        self._ended = error
        for future in tuple(self._open):
            if not future.done():
                future.set_exception(type(error)(*error.args))


class DevToolsConnection:
    """One websocket to one browser.

    Attributes:
        browser: the session of the browser itself.
        lost_pages: how many pages have ended that nobody had closed.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sessions: dict[str, Session] = {}
        self._answers: dict[int, asyncio.Future[Params]] = {}
        self._last_id = 0
        self._writes: set[asyncio.Task[None]] = set()
        self.lost_pages = 0
        self.browser = self.session(_BROWSER)
        self.browser.on("Target.detachedFromTarget", self._detached)
        self._reader = asyncio.create_task(self._read(), name="devtools reader")

    @classmethod
    async def open(cls, address: str) -> "DevToolsConnection":
        """Connect to `ws://127.0.0.1:PORT/devtools/browser/ID`.

        Raises:
            ConnectionLostError: nobody answers there.
        """
        try:
            socket = await connect(
                address,
                max_size=None,  # a picture comes as one message
                compression=None,  # both ends are on this machine
                ping_interval=None,  # `Browser.ping` asks, and knows what silence means
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                proxy=None,  # never through HTTP_PROXY: the address is this machine
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ConnectionLostError("the browser's DevTools port does not answer") from error
        return cls(socket)

    def session(self, session_id: str) -> Session:
        """The session that `Target.attachToTarget` has named."""
        session = self._sessions[session_id] = Session(self, session_id)
        return session

    def forget(self, session_id: str) -> None:
        """Drop a session whose page is closed."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.end(TargetCrashedError("the page was closed"))
            # A renderer that crashed never answers; nobody waits for it any more.
            self._answers = {number: answer for number, answer in self._answers.items() if not answer.done()}

    async def wait_lost(self) -> None:
        """Return when the connection has ended, whoever ended it."""
        await asyncio.wait((self._reader,))

    async def prove_working(self) -> None:
        """Have the browser answer, then make a browser context: 3 ms.

        A browser that is ending may still answer one question, but not two. Of 50 whose driver was killed,
        30 answered a ping after they had closed their pages, and none made a context after that.

        Raises:
            ConnectionLostError: it has ended.
            ProtocolError: it refuses.
        """
        await self.browser.send("Browser.getVersion")
        created = await self.browser.send("Target.createBrowserContext", disposeOnDetach=True)
        self.browser.post("Target.disposeBrowserContext", browserContextId=created["browserContextId"])

    async def close(self) -> None:
        """End the connection; everything that waits for an answer fails."""
        await self._socket.close()
        await self.wait_lost()

    async def write(
        self, session_id: str, method: str, params: Params, answer: asyncio.Future[Params]
    ) -> None:
        """Send one command; `answer` gets its result."""
        number, message = self._message(session_id, method, params)
        self._answers[number] = answer
        try:
            await self._socket.send(message)
        except WebSocketException as error:
            self._answers.pop(number, None)
            answer.cancel()
            raise ConnectionLostError("the connection to the browser has ended") from error

    def write_soon(self, session_id: str, method: str, params: Params) -> None:
        """Send one command without waiting; its answer is dropped."""
        _, message = self._message(session_id, method, params)
        task = asyncio.create_task(self._write_and_forget(message))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write_and_forget(self, message: str) -> None:
        try:
            await self._socket.send(message)
        except WebSocketException:
            self._end_all()

    def _message(self, session_id: str, method: str, params: Params) -> tuple[int, str]:
        self._last_id += 1
        message: Params = {"id": self._last_id, "method": method, "params": params}
        if session_id:
            message["sessionId"] = session_id
        return self._last_id, json.dumps(message)

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._dispatch(json.loads(text))
        except WebSocketException:
            return  # the browser ended without a goodbye; what waits for it is told below
        finally:
            self._end_all()

    def _dispatch(self, message: Params) -> None:
        number = message.get("id")
        if number is None:
            session = self._sessions.get(message.get("sessionId", _BROWSER))
            if session is not None:
                if message["method"] == "Inspector.targetCrashed":
                    self._lose(session, TargetCrashedError("the page's renderer process ended"))
                session.emit(message["method"], message["params"])
            return
        answer = self._answers.pop(number, None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ProtocolError(message["error"].get("message", "no reason given")))
        else:
            answer.set_result(message["result"])

    def _detached(self, params: Params) -> None:
        session = self._sessions.pop(params["sessionId"], None)
        if session is not None:
            self._lose(session, TargetClosedError("the page's tab was closed"))

    def _lose(self, session: Session, error: TargetCrashedError) -> None:
        if session.is_alive:
            self.lost_pages += 1
            session.end(error)

    def _end_all(self) -> None:
        for session in self._sessions.values():
            session.end(ConnectionLostError("the browser ended"))
        self._answers.clear()
