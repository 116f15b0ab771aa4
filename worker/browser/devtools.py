"""Chrome's DevTools Protocol over one websocket: commands, answers, events.

This is faster than Playwright's driver, where each command passes through one more process and is encoded
twice (measured in docs/benchmarks.md). Here a message is parsed once, as the bytes that came, and has no task
of its own.

Protocol: https://chromedevtools.github.io/devtools-protocol/ (sessions are "flattened": one socket, a
`sessionId` in every message).
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

Params = dict[str, Any]
Listener = Callable[[Params], None]

_BROWSER: Final = ""  # our id for the session of the browser itself; Chromium has none for it
_OPEN_TIMEOUT_S: Final = 10
# Chromium closes the connection at once when asked to. A longer wait would be for a browser that hangs.
_CLOSE_TIMEOUT_S: Final = 1


class DevToolsError(Exception):
    """A command failed, for one of the reasons below."""


class ProtocolError(DevToolsError):
    """Chromium refused a command. The message is Chromium's."""


class TargetCrashedError(DevToolsError):
    """The page's renderer process ended, or its tab was closed."""


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
        self._open_futures: set[asyncio.Future[Any]] = set()
        self._end_reason: DevToolsError | None = None

    @property
    def is_alive(self) -> bool:
        """Whether commands can still be answered."""
        return self._end_reason is None

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
        """Send a command from a function that is not async; its answer is dropped."""
        if self._end_reason is None:
            self._connection.write_soon(self._id, method, params)

    def future(self) -> asyncio.Future[Any]:
        """A future for code that waits for an event. It fails at once when this session ends.

        Raises:
            TargetCrashedError: the page has ended.
            ConnectionLostError: the browser has ended.
        """
        if self._end_reason is not None:
            raise type(self._end_reason)(*self._end_reason.args)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open_futures.add(future)
        future.add_done_callback(self._future_done)
        return future

    def _future_done(self, future: asyncio.Future[Any]) -> None:
        self._open_futures.discard(future)
        if not future.cancelled():
            # If the waiting code has timed out, nobody reads the exception, and asyncio would warn about it.
            future.exception()

    def on(self, method: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each event of this name, from the reading loop."""
        self._listeners.setdefault(method, []).append(listener)

    def emit(self, method: str, params: Params) -> None:
        """Hand an event to its listeners."""
        for listener in tuple(self._listeners.get(method, ())):
            listener(params)

    def end(self, error: DevToolsError) -> None:
        """Fail all open futures, and all future commands. Only the first call has an effect."""
        if self._end_reason is not None:
            return
        self._end_reason = error
        for future in tuple(self._open_futures):
            if not future.done():
                future.set_exception(type(error)(*error.args))


class DevToolsConnection:
    """One websocket to one browser.

    Attributes:
        browser: the session of the browser itself.
        lost_pages: how many pages have ended although the worker did not close them.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sessions: dict[str, Session] = {}
        self._answers: dict[int, asyncio.Future[Params]] = {}
        self._last_id = 0
        self._writes: set[asyncio.Task[None]] = set()
        self.lost_pages = 0
        self.browser = self.session(_BROWSER)
        self.browser.on("Target.detachedFromTarget", self._on_detached)
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
                ping_interval=None,  # `Browser.ping` checks the browser instead
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                proxy=None,  # never through HTTP_PROXY: the address is this machine
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ConnectionLostError("the browser's DevTools port does not answer") from error
        return cls(socket)

    def session(self, session_id: str) -> Session:
        """Make the session for an id that `Target.attachToTarget` has answered with."""
        session = self._sessions[session_id] = Session(self, session_id)
        return session

    def forget(self, session_id: str) -> None:
        """Drop a session whose page is closed."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.end(TargetCrashedError("the page was closed"))
            # A crashed renderer never answers: remove the answers that are no longer waited for.
            self._answers = {number: answer for number, answer in self._answers.items() if not answer.done()}

    async def wait_lost(self) -> None:
        """Return when the connection has ended, for whatever reason."""
        await asyncio.wait((self._reader,))

    async def prove_working(self) -> None:
        """Check that the browser works: it must answer a command, then create a context. Takes 3 ms.

        A browser that is ending may still answer one command, but not two. Of 50 browsers whose driver was
        killed, 30 answered a ping after they had closed their pages. None created a context after that.

        Raises:
            ConnectionLostError: the browser has ended.
            ProtocolError: the browser refuses a command.
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
        task = asyncio.create_task(self._send_soon(message))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _send_soon(self, message: str) -> None:
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
            while True:
                self._dispatch(_parsed(await self._socket.recv(decode=False)))
        except WebSocketException:
            return  # the browser ended without closing the connection; `finally` reports the end
        finally:
            self._end_all()

    def _dispatch(self, message: Params) -> None:
        number = message.get("id")
        if number is None:
            session = self._sessions.get(message.get("sessionId", _BROWSER))
            if session is not None:
                if message["method"] == "Inspector.targetCrashed":
                    self._count_lost_page(session, TargetCrashedError("the page's renderer process ended"))
                session.emit(message["method"], message["params"])
            return
        answer = self._answers.pop(number, None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ProtocolError(message["error"].get("message", "no reason given")))
        else:
            answer.set_result(message["result"])

    def _on_detached(self, params: Params) -> None:
        session = self._sessions.pop(params["sessionId"], None)
        if session is not None:
            self._count_lost_page(session, TargetClosedError("the page's tab was closed"))

    def _count_lost_page(self, session: Session, error: TargetCrashedError) -> None:
        if session.is_alive:
            self.lost_pages += 1
            session.end(error)

    def _end_all(self) -> None:
        for session in self._sessions.values():
            session.end(ConnectionLostError("the browser ended"))
        self._answers.clear()


def _parsed(message: bytes) -> Params:
    """Read a message. With a picture of 1 MB in it, `json` takes seven times as long as pydantic's parser."""
    try:
        parsed: Params = from_json(message)
    except ValueError:
        # pydantic's parser refuses lone surrogates (half of a UTF-16 pair), which a page's title may contain.
        parsed = json.loads(message)
    return parsed
