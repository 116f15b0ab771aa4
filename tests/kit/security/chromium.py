"""Chromium with the worker's command line, or with some of its protections removed."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.kit.patience import PATIENCE_S
from worker.browser.devtools import DevToolsConnection, Params, Session
from worker.browser.launch.flags import EVERYTHING_THROUGH_PROXY, command_line
from worker.resources.process_group import BrowserProcessGroup
from worker.settings import BrowserSettings


class Tab:
    """A page in a context of its own, without the protections of a worker's page."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    async def open(
        cls, connection: DevToolsConnection, *, proxy_port: int | None = None, bypass_loopback: bool = False
    ) -> "Tab":
        """Open a page.

        Args:
            connection: to the browser.
            proxy_port: of a proxy on loopback for the context; None: the browser's proxy.
            bypass_loopback: whether Chromium may reach loopback without the proxy, as it does by default.
        """
        browser = connection.browser
        proxy = {} if proxy_port is None else {"proxyServer": f"http://127.0.0.1:{proxy_port}"}
        if proxy and not bypass_loopback:
            proxy["proxyBypassList"] = EVERYTHING_THROUGH_PROXY
        context = (await browser.send("Target.createBrowserContext", **proxy))["browserContextId"]
        target = await browser.send("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await browser.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = cls(connection.session(attached["sessionId"]))
        await tab.send("Page.enable")
        return tab

    async def send(self, method: str, **params: Any) -> Params:
        """Send a DevTools command."""
        return await self._session.send(method, **params)

    async def navigate(self, url: str) -> str:
        """Navigate to an address; Chromium's error text, or an empty text."""
        answer = await self.send("Page.navigate", url=url)
        text: str = answer.get("errorText", "")
        return text

    async def evaluate(self, expression: str) -> Any:
        """Run a script in the page; if it returns a promise, wait for it."""
        answer = await self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@asynccontextmanager
async def chromium(
    *more: str, without: tuple[str, ...] = (), proxy_port: int = 9
) -> AsyncIterator[DevToolsConnection]:
    """Start a browser; it is ended at the end of the block.

    Args:
        more: further arguments.
        without: arguments that begin with one of these are removed.
        proxy_port: of the proxy on loopback for the whole browser. Nothing listens at port 9.
    """
    program = BrowserSettings().chromium_executable
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        line = command_line(
            program, profile=profile, port=0, proxy_port=proxy_port, sandbox=True, dev_shm=True
        )
        # There is no pipe here: the connection is a websocket.
        removed = ("--remote-debugging-pipe", *without)
        words = [word for word in line if not word.startswith(removed)]
        process = await asyncio.create_subprocess_exec(
            program,
            *words,
            *more,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": folder, "TMPDIR": folder},
            start_new_session=True,
        )
        group = BrowserProcessGroup(process.pid)
        try:
            port, path = await _debugging_address(profile)
            connection = await DevToolsConnection.open(f"ws://127.0.0.1:{port}{path}")
            try:
                yield connection
            finally:
                with contextlib.suppress(Exception):
                    await connection.browser.send("Browser.close")
                await connection.close()
        finally:
            await group.end()
            await process.wait()


async def _debugging_address(profile: Path) -> tuple[int, str]:
    file = profile / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) == 2:
                return int(lines[0]), lines[1]
            await asyncio.sleep(0.01)  # Chromium writes the file once it listens, which causes no event
