"""What the service is compared with: plain Playwright, and Chromium over its DevTools protocol.

`python -m tests.bench.browsers.contender KIND EXECUTABLE FOLDER`, with a kind of `KINDS`: a fresh context for
each render, window of 1280 x 720, load event, PNG.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pybase64
import uvloop
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright
from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.bench.clients.responder import Document, respond

T = TypeVar("T")

WIDTH_PX: Final = 1280
HEIGHT_PX: Final = 720

# Address, whether the whole page is wanted -> picture.
RenderPage = Callable[[str, bool], Awaitable[bytes]]

# Ordinary flags for Chromium. The sandbox is on, as in the product.
_FLAGS: Final = (
    "--remote-debugging-port=0",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=Translate",
)
_LOADED: Final = "Page.loadEventFired"
_START_TIMEOUT_S: Final = 20.0
# Right after a load Chromium may have no frame yet and refuse a screenshot; Playwright raises that error. All
# three try again.
_NO_FRAME: Final = "Unable to capture"
_RETRY_S: Final = 0.01
# As in worker/pool/generation.py.
_CALM_S: Final = 0.5


@asynccontextmanager
async def playwright(executable: str, _folder: Path) -> AsyncIterator[RenderPage]:
    """Playwright, used as in its manual."""
    async with async_playwright() as started:
        browser = await started.chromium.launch(executable_path=executable, chromium_sandbox=True)

        async def render(url: str, full_page: bool) -> bytes:  # noqa: FBT001 - one of a pair, see RenderPage
            context = await browser.new_context(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
            try:
                page = await context.new_page()
                await page.goto(url)
                return await capture_with_retries(lambda: page.screenshot(full_page=full_page))
            finally:
                await context.close()

        yield render
        await browser.close()


@asynccontextmanager
async def launching(executable: str, _folder: Path) -> AsyncIterator[RenderPage]:
    """Playwright, with a browser launched for each render, as in many scripts and functions."""
    async with async_playwright() as started:

        async def render(url: str, full_page: bool) -> bytes:  # noqa: FBT001 - one of a pair, see RenderPage
            browser = await started.chromium.launch(executable_path=executable, chromium_sandbox=True)
            try:
                page = await browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
                await page.goto(url)
                return await capture_with_retries(lambda: page.screenshot(full_page=full_page))
            finally:
                await browser.close()

        yield render


async def capture_with_retries(capture: Callable[[], Awaitable[T]]) -> T:
    """Take a screenshot; try again while Chromium has no frame."""
    while True:
        try:
            return await capture()
        except (PlaywrightError, RuntimeError) as error:
            if _NO_FRAME not in str(error):
                raise
        await asyncio.sleep(_RETRY_S)


class Devtools:
    """A minimal client of the DevTools protocol: commands, answers, and the load event."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int | str, asyncio.Future[Document]] = {}
        self._reader = asyncio.create_task(self._read())

    def expect_load(self, session: str) -> asyncio.Future[Document]:
        """The next load event of a session."""
        return self._waiting.setdefault(session, asyncio.get_running_loop().create_future())

    async def send(self, method: str, session: str | None = None, **params: Any) -> Document:
        """Run one command.

        Raises:
            RuntimeError: Chromium refused it.
        """
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        addressed = {"sessionId": session} if session else {}
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params, **addressed}))
        answer = await future
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        result: Document = answer["result"]
        return result

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = from_json(await self._socket.recv(decode=False))
                key = message.get("id") or (message["method"] == _LOADED and message["sessionId"])
                if (future := self._waiting.pop(key, None)) is not None:
                    future.set_result(message)
        for future in self._waiting.values():
            future.set_exception(RuntimeError("Chromium has ended"))


@asynccontextmanager
async def launched(executable: str, profile: Path, *flags: str) -> AsyncIterator[str]:
    """Start Chromium; its DevTools address. The caller has to close it by a DevTools command."""
    process = await asyncio.create_subprocess_exec(
        executable, *_FLAGS, *flags, f"--user-data-dir={profile}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield await _address(profile / "DevToolsActivePort")
    finally:
        if process.returncode is None:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await process.wait()


@asynccontextmanager
async def raw(executable: str, folder: Path) -> AsyncIterator[RenderPage]:
    """Chromium over DevTools: what Chromium itself costs for the same picture as the product's.

    A page is opened ahead of its render and closed behind its answer, so that nobody waits for either. As in
    the product, the next one is opened behind the answer, too, if the render has come after a pause.
    """
    clock = asyncio.get_running_loop().time
    async with (
        launched(executable, folder / "raw-profile") as address,
        connect(address, max_size=None, compression=None, ping_interval=None, proxy=None) as socket,
    ):
        devtools = Devtools(socket)
        ahead = asyncio.create_task(_open_page(devtools))
        closing: set[asyncio.Task[Document]] = set()
        ended_at = clock()

        async def render(url: str, full_page: bool) -> bytes:  # noqa: FBT001 - one of a pair, see RenderPage
            nonlocal ahead, ended_at
            is_calm = clock() - ended_at > _CALM_S
            page = await ahead
            if not is_calm:
                ahead = asyncio.create_task(_open_page(devtools))
            await _load(devtools, page.session, url)
            picture = pybase64.b64decode(await _capture(devtools, page.session, full_page=full_page))
            if is_calm:
                ahead = asyncio.create_task(_open_page(devtools))
            closing.add(over := asyncio.create_task(_close_page(devtools, page)))
            over.add_done_callback(closing.discard)
            ended_at = clock()
            return picture

        yield render
        await asyncio.gather(ahead, *closing)
        with suppress(RuntimeError):  # it may end before it has answered
            await devtools.send("Browser.close")


async def _address(port_file: Path) -> str:
    async with asyncio.timeout(_START_TIMEOUT_S):
        while len(found := _lines(port_file)) < 2:  # noqa: ASYNC110 - there is no event when Chromium listens
            await asyncio.sleep(0.01)
    return f"ws://127.0.0.1:{found[0]}{found[1]}"


def _lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


@dataclass(frozen=True, slots=True)
class _OpenPage:
    """An empty page in a browser context of its own; both ids are Chromium's."""

    session: str
    context_id: str


async def _open_page(devtools: Devtools, **context: str) -> _OpenPage:
    created = await devtools.send("Target.createBrowserContext", disposeOnDetach=True, **context)
    context_id = created["browserContextId"]
    target = await devtools.send(
        "Target.createTarget",
        url="about:blank",
        browserContextId=context_id,
        width=WIDTH_PX,
        height=HEIGHT_PX,
    )
    attached = await devtools.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    await devtools.send("Page.enable", attached["sessionId"])
    return _OpenPage(attached["sessionId"], context_id)


async def _close_page(devtools: Devtools, page: _OpenPage) -> Document:
    return await devtools.send("Target.disposeBrowserContext", browserContextId=page.context_id)


@asynccontextmanager
async def empty_page(devtools: Devtools, **context: str) -> AsyncIterator[str]:
    """The session of an empty page, in a browser context that is made with these parameters."""
    page = await _open_page(devtools, **context)
    try:
        yield page.session
    finally:
        await _close_page(devtools, page)


@asynccontextmanager
async def loaded_page(devtools: Devtools, url: str, **context: str) -> AsyncIterator[str]:
    """The session of a page at this address, in a browser context that is made with these parameters."""
    async with empty_page(devtools, **context) as session:
        await _load(devtools, session, url)
        yield session


async def _load(devtools: Devtools, session: str, url: str) -> None:
    loaded = devtools.expect_load(session)
    await devtools.send("Page.navigate", session, url=url)
    await loaded


async def _capture(devtools: Devtools, session: str, *, full_page: bool) -> str:
    params: Document = {"format": "png", "optimizeForSpeed": True}
    if full_page:
        size = (await devtools.send("Page.getLayoutMetrics", session))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        params |= {"captureBeyondViewport": True, "clip": clip}
    answer = await capture_with_retries(lambda: devtools.send("Page.captureScreenshot", session, **params))
    picture: str = answer["data"]
    return picture


async def _at_once(render: RenderPage, urls: list[str], clients: int) -> list[int]:
    """Render all addresses, with so many under way at a time; the sizes of the pictures."""
    waiting = iter(urls)

    async def client() -> list[int]:
        return [len(await render(url, False)) for url in waiting]  # noqa: FBT003 - see RenderPage

    return [size for sizes in await asyncio.gather(*(client() for _ in range(clients))) for size in sizes]


KINDS: Final = {"playwright": playwright, "launching": launching, "raw": raw}


async def _main(kind: str, executable: str, folder: str) -> None:
    async with KINDS[kind](executable, Path(folder)) as render:

        async def answer(question: Document) -> Document:
            """Question: url, full_page, count; or urls, clients."""
            if "urls" in question:
                started = time.perf_counter()
                sizes = await _at_once(render, question["urls"], question["clients"])
                return {"seconds": time.perf_counter() - started, "sizes": sizes}
            walls_ms = []
            picture = b""
            for _ in range(question["count"]):
                started = time.perf_counter()
                picture = await render(question["url"], question["full_page"])
                walls_ms.append((time.perf_counter() - started) * 1000)
            return {"walls_ms": walls_ms, "size_bytes": len(picture)}

        await respond(answer)


if __name__ == "__main__":
    # Chromium over DevTools gets uvloop, as in the product; plain Playwright gets asyncio's own loop.
    (uvloop.run if sys.argv[1] == "raw" else asyncio.run)(_main(*sys.argv[1:]))
