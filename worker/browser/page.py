"""One page in a browser context of its own: using it, and closing it with all its data.

A context shares no cookies, cache, storage or renderer process with others. It is used once, then closed.
This module has what can be done with a page; worker/browser/new_page.py opens one. What a render does with it
is in worker/render/steps.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Unpack

import pybase64

from fleet.telemetry.logs import get_logger
from worker.browser.devtools import (
    DevToolsConnection,
    DevToolsError,
    Listener,
    Params,
    ProtocolError,
    Session,
)
from worker.browser.document.child_frames import ChildFrames
from worker.browser.document.failed_requests import FailedRequests
from worker.browser.document.loading import Lifecycle
from worker.browser.document.network_events import NetworkEvents
from worker.browser.document.open_requests import OpenRequests
from worker.browser.document.page_log import PageLog
from worker.browser.document.script_text import script_text
from worker.browser.document.script_value import script_value
from worker.browser.downloads import Downloads
from worker.browser.network_service import is_network_service
from worker.browser.paused_requests import PausedRequests
from worker.browser.protocol import Metrics, Print, Screenshot
from worker.browser.storage_seed import StorageSeed
from worker.browser.target_headers import TargetHeaders
from worker.egress.port import Port
from worker.resources.memory.page_memory import PageMemory

_CLOSE_TIMEOUT_S: Final = 5
# The end of a page or browser is reported within milliseconds; on a busy machine it takes longer.
_ALIVE_TIMEOUT_S: Final = 2.0
# The name of the isolated world in which `evaluate` runs scripts; each frame has its own.
ISOLATED_WORLD: Final = "renderfleet"
# Chromium's words for a world whose document was replaced, before it has told of the next document.
_NO_WORLD: Final = "Cannot find context"
_PDF_CHUNK_BYTES: Final = 256 * 1024
# `setTimeout` for our own scripts in a page whose scripts may not run: Chromium's timers stand still there.
_TIMERS: Final = script_text(Path(__file__).with_name("timers.js"))

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Navigation:
    """How Chromium answered a navigation.

    Attributes:
        error: Chromium's name for the error, such as `net::ERR_NAME_NOT_RESOLVED`; empty if the response has
            begun.
        is_download: whether the address is a download.
    """

    error: str
    is_download: bool


class Page:
    """A fresh browser context and its only page.

    Every method that talks to the browser raises `TargetCrashedError` as soon as the page's renderer is gone,
    `ConnectionLostError` as soon as the browser is, and `ProtocolError` when Chromium refuses.

    Attributes:
        generation: the number of its browser.
        lifecycle: how far the loading of its document is.
        frames: the child frames that are still loading.
        network: what the browser reports of its requests, if anybody asks.
        requests: the requests that have not ended, for `networkidle`.
        failures: the requests that failed, for `fail_on_failed_request`.
        paused: requests that are stopped before they are sent, for those who refuse or change them.
        headers: the caller's, which its requests to one origin have besides Chromium's own.
        storage_seed: what it finds in its browser: cookies and `localStorage`.
        log: what Chromium has noted about the page.
        downloads: those that the page began; they are refused.
        memory: the memory that it uses.
        port: its port of the egress proxy, its only way to the network; refuses everything until admitted.
        network_pid: id of the process that sends its requests to that port; None: not known.
        waited_s: how many seconds the render waited for the page.
        stage: in which stage its render is, for messages; empty: it has not begun.
    """

    def __init__(
        self,
        connection: DevToolsConnection,
        session_id: str,
        memory: PageMemory,
        port: Port,
        *,
        context_id: str,
        target_id: str,
        generation: int,
    ) -> None:
        self.generation = generation
        self.memory = memory
        self.port = port
        self._connection = connection
        self._session_id = session_id
        self._context_id = context_id
        self._frame_id = target_id  # Chromium gives the main frame its target's id
        self._session: Session = connection.session(session_id)
        self._is_closed = False
        self._prelude = ""  # what each of our scripts begins with
        # The loader of the document that `evaluate` was last asked of, and the id of our world in it.
        self._world: tuple[str, int] | None = None
        self.waited_s = 0.0
        self.stage = ""
        self.network_pid: int | None = None
        self.lifecycle = Lifecycle(self._session, self._frame_id)
        self.frames = ChildFrames(self._session, self._frame_id)
        self.network = NetworkEvents(self._session)
        self.requests = OpenRequests(self._session, self._frame_id, self.network)
        self.downloads = Downloads(self._session)
        self.failures = FailedRequests(self._session, self._frame_id, self.network)
        self.paused = PausedRequests(self._session)
        self.headers = TargetHeaders(self.paused)
        self.storage_seed = StorageSeed(connection.browser, self._session, context_id)
        self.log = PageLog(self._session)
        self._session.on("Page.javascriptDialogOpening", self._on_dialog)

    @property
    def context_id(self) -> str:
        """Chromium's name for its browser context."""
        return self._context_id

    def is_own_document(self, params: Params) -> bool:
        """Whether a request that is stopped is for the document of the page itself, and not of a frame."""
        return params.get("resourceType") == "Document" and params.get("frameId") == self._frame_id

    @property
    def is_alive(self) -> bool:
        """Whether its renderer runs and the browser is connected."""
        return self._session.is_alive

    @property
    def has_lost_network(self) -> bool:
        """Whether its requests no longer go to its own port (worker/browser/network_service.py)."""
        return self.network_pid is not None and not is_network_service(self.network_pid)

    async def send(self, method: str, **params: Any) -> Params:
        """Run one DevTools command in this page."""
        return await self._session.send(method, **params)

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each event of this name, from the reading loop."""
        self._session.on(event, listener)

    async def navigate(self, url: str) -> Navigation:
        """Load an address. Returns when the response has begun or failed, after all redirects."""
        self.lifecycle.restart()
        answer = await self.send("Page.navigate", url=url)
        return Navigation(answer.get("errorText", ""), answer.get("isDownload", False))

    async def set_html(self, html: str) -> None:
        """Write a document into the empty page: origin `null`, no storage, nothing fetched for it."""
        self.lifecycle.restart()
        await self.send("Page.setDocumentContent", frameId=self._frame_id, html=html)

    async def evaluate(self, expression: str, *, frame_id: str | None = None) -> Any:
        """Run a script in an isolated world: the page cannot see it, or change the functions that it calls.

        Args:
            expression: the script.
            frame_id: the frame to run it in; None: the main frame.

        Returns:
            The result, as a JSON value. If it is a promise, the value of the promise.

        Raises:
            EvaluationError: the script threw.
        """
        if frame_id is None and self._world is not None and self._world[0] == self.lifecycle.loader:
            try:
                return await self._evaluate_in(self._world[1], expression)
            except ProtocolError as error:
                if _NO_WORLD not in str(error):
                    raise
        # If the document has our world already, Chromium answers with that one. The world of a child frame is
        # not remembered: the frame may get another document at any time.
        loader, frame = self.lifecycle.loader, frame_id or self._frame_id
        world = await self.send("Page.createIsolatedWorld", frameId=frame, worldName=ISOLATED_WORLD)
        if frame_id is None:
            self._world = loader, world["executionContextId"]
        return await self._evaluate_in(world["executionContextId"], expression)

    async def _evaluate_in(self, world: int, expression: str) -> Any:
        return script_value(
            await self.send(
                "Runtime.evaluate",
                expression=self._prelude + expression,
                contextId=world,
                awaitPromise=True,
                returnByValue=True,
            )
        )

    async def evaluate_as_page(self, expression: str) -> Any:
        """Run a script of the caller in the page itself, where it sees the page's own variables.

        Args:
            expression: the script.

        Returns:
            The result, as a JSON value. If it is a promise, the value of the promise.

        Raises:
            EvaluationError: the script threw, or has a syntax error.
        """
        return script_value(
            await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        )

    async def require_alive(self) -> None:
        """Raise an error if its renderer has ended. A renderer that is busy has not ended.

        Call this when Chromium has refused a command. If a renderer ends during a command, Chromium first
        refuses the command, and only then reports the end of the renderer.

        Raises:
            TargetCrashedError: the renderer has ended.
            ConnectionLostError: the browser has ended.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ALIVE_TIMEOUT_S):
                try:
                    await self.evaluate("0")
                except ProtocolError:
                    await self._session.future()  # fails when the end is reported

    async def has_working_browser(self) -> bool:
        """Whether the browser itself still works."""
        try:
            async with asyncio.timeout(_ALIVE_TIMEOUT_S):
                await self._connection.prove_working()
        except (TimeoutError, DevToolsError):
            return False
        return True

    async def pause(self, seconds: float) -> None:
        """Wait for so many seconds.

        Raises:
            TargetCrashedError: the page ended meanwhile.
            ConnectionLostError: the browser ended meanwhile.
        """
        end = self._session.future()
        await asyncio.wait((end,), timeout=seconds)
        if end.done():
            end.result()
        end.cancel()

    async def loading_state(self) -> tuple[str, bool]:
        """`document.readyState` (`loading`, `interactive` or `complete`), and whether fonts are loading."""
        state, fonts = await self.evaluate("[document.readyState, document.fonts.status]")
        return state, fonts == "loading"

    async def resize(self, metrics: Metrics) -> None:
        """Give the page another window."""
        await self.send("Emulation.setDeviceMetricsOverride", **metrics)

    async def disable_scripts(self) -> None:
        """Let no script of the page run, from now on. Our own (`evaluate`) run as before.

        So nothing changes while a picture is taken. Otherwise the page could react: if the picture is larger
        than the window, Chromium sends the page a `resize` event.
        """
        self._prelude = _TIMERS
        await self.send("Emulation.setScriptExecutionDisabled", value=True)

    async def content_size(self) -> tuple[float, float]:
        """Width and height of all that can be scrolled to, in CSS pixels."""
        size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
        return size["width"], size["height"]

    async def screenshot(self, **params: Unpack[Screenshot]) -> bytes:
        """`Page.captureScreenshot`, decoded."""
        return pybase64.b64decode((await self.send("Page.captureScreenshot", **params))["data"])

    async def print_pdf(self, **params: Unpack[Print]) -> AsyncIterator[bytes]:
        """`Page.printToPDF`, piece by piece: a long document never lies in memory as a whole."""
        answer = await self.send("Page.printToPDF", transferMode="ReturnAsStream", **params)
        handle = answer["stream"]
        while True:
            chunk = await self.send("IO.read", handle=handle, size=_PDF_CHUNK_BYTES)
            data = chunk["data"]
            yield pybase64.b64decode(data) if chunk.get("base64Encoded") else data.encode()
            if chunk["eof"]:
                break
        await self.send("IO.close", handle=handle)

    @asynccontextmanager
    async def marked(self) -> AsyncIterator[None]:
        """Mark its renderer while the block runs: throttling its CPU gives it one more thread. Takes 1 ms."""
        try:
            await self.send("Emulation.setCPUThrottlingRate", rate=1.01)  # 1 % slower; 1 is full speed
            yield
        except BaseException:
            # Also if it was cancelled: the next search for a marked renderer would find this one, too.
            self._session.post("Emulation.setCPUThrottlingRate", rate=1)
            raise
        await self.send("Emulation.setCPUThrottlingRate", rate=1)

    async def close(self) -> None:
        """Dispose of the context with all that the page left in it. May be called twice; never raises."""
        if self._is_closed:
            return
        self._is_closed = True
        self._connection.forget(self._session_id)
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._connection.browser.send(
                    "Target.disposeBrowserContext", browserContextId=self._context_id
                )
        except TimeoutError:
            log.warning("a browser context did not close in time", generation=self.generation)
        except DevToolsError as error:
            # The browser has ended, and the context with it, or Chromium has already removed the context.
            log.debug("browser context already gone", generation=self.generation, reason=str(error))
        finally:
            await self.port.close()  # last: the kernel may give its number to another page at once

    def _on_dialog(self, params: Params) -> None:
        # An open dialog stops the page. Leaving the page (beforeunload) is accepted, all else is declined.
        self._session.post("Page.handleJavaScriptDialog", accept=params["type"] == "beforeunload")
