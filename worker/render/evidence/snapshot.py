"""What a page is at the end of its render: its console, its document, all of it in one file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from worker.browser.devtools import DevToolsError, Params
from worker.browser.page import Page
from worker.render.evidence.redaction import Redactor
from worker.render.in_page import script

CONSOLE: Final = "console.json"
DOCUMENT: Final = "dom.html"
MHTML: Final = "page.mhtml"
# A page that is busy does not answer; the slot is not to be held for it.
TIMEOUT_S: Final = 3.0
# Chromium itself keeps no more lines of a page.
_MAX_LINES: Final = 1_000
_MAX_LINE_LENGTH: Final = 4_000
_MAX_CHARACTERS: Final = 16 * 1024 * 1024
# The end of a document that is longer would be of no use without its middle.
_DOCUMENT: Final = f"(text => text.length > {_MAX_CHARACTERS} ? null : text)(({script('html.js')})())"


class Snapshot:
    """Takes what a page is at its end, as files.

    Attributes:
        left_out: what could not be had, in words for the caller.
    """

    def __init__(self, page: Page, redactor: Redactor, folder: Path) -> None:
        self.left_out: list[str] = []
        self._page = page
        self._redactor = redactor
        self._folder = folder
        self._lines: list[dict[str, Any]] = []

    async def take(self, max_bytes: int, page_bytes: int) -> int:
        """Write the files. What the page does not give within some seconds is left out.

        Args:
            max_bytes: that they may have together.
            page_bytes: that the page was answered with, so that its MHTML has as many at least.

        Returns:
            How many bytes they have.
        """
        used = 0
        parts: list[tuple[str, Callable[[], Awaitable[bytes | None]]]] = [
            (CONSOLE, self._console),
            (DOCUMENT, self._document),
            (MHTML, self._mhtml),
        ]
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while parts:
                    name, of_page = parts[0]
                    if name == MHTML and page_bytes > max_bytes - used:
                        data = None
                    else:
                        data = await of_page()
                    if data is None or used + len(data) > max_bytes:
                        self.left_out.append(f"{name}: it is too large")
                    else:
                        await asyncio.to_thread((self._folder / name).write_bytes, data)
                        used += len(data)
                    parts.pop(0)
        except (DevToolsError, TimeoutError):
            self.left_out += [f"{name}: the page did not answer" for name, _ in parts]
        except OSError:
            self.left_out += [f"{name}: the disk had no space" for name, _ in parts]
        return used

    async def _console(self) -> bytes:
        """What scripts and Chromium have noted of the last document; see `page_log.PageLog`."""
        self._page.on("Runtime.consoleAPICalled", self._called)
        self._page.on("Runtime.exceptionThrown", self._thrown)
        self._page.on("Log.entryAdded", self._noted)
        # The messages come before the answers.
        await self._page.send("Log.enable")
        await self._page.send("Runtime.enable")
        await self._page.send("Runtime.disable")
        await self._page.send("Log.disable")
        lines = sorted(self._lines[:_MAX_LINES], key=lambda line: line["timestamp"])
        return as_json(lines)

    async def _document(self) -> bytes | None:
        text = await self._page.evaluate(_DOCUMENT)
        if text is None:
            return None
        return await asyncio.to_thread(self._redactor.document, str(text).encode(errors="replace"))

    async def _mhtml(self) -> bytes:
        text = str((await self._page.send("Page.captureSnapshot", format="mhtml"))["data"])
        return await asyncio.to_thread(lambda: self._redactor.mhtml(text.encode(errors="replace")))

    def _called(self, params: Params) -> None:
        words = (str(part.get("value", part.get("description", ""))) for part in params["args"])
        self._line(params["timestamp"], params["type"], " ".join(words))

    def _thrown(self, params: Params) -> None:
        details = params["exceptionDetails"]
        thrown = details.get("exception", {})
        text = thrown.get("description") or f"{details['text']} {thrown.get('value', '')}"
        self._line(params["timestamp"], "exception", text, details.get("url", ""))

    def _noted(self, params: Params) -> None:
        entry = params["entry"]
        self._line(entry["timestamp"], entry["level"], entry["text"], entry.get("url", ""))

    def _line(self, timestamp: float, type_: str, text: str, url: str = "") -> None:
        text = self._redactor.text(text[:_MAX_LINE_LENGTH])
        self._lines.append(
            {"timestamp": timestamp, "type": type_, "text": text, "url": self._redactor.text(url)}
        )


def as_json(value: Any) -> bytes:
    """A JSON document as a file; halves of characters, which pages may have, are replaced."""
    return f"{json.dumps(value, ensure_ascii=False, indent=1)}\n".encode(errors="replace")
