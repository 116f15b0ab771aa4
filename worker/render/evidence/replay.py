"""Answers the requests of a page from a recording, so that nothing goes out.

DevTools' Fetch domain stops each request in the browser, before it gets to the network, and answers it. So an
https page needs no certificate: nothing is encrypted where nothing is sent. What Fetch does not stop, such as
a WebSocket, ends at the page's port, which lets nothing out (`Terms.is_offline`).
"""

import asyncio
import base64
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from fleet.errors import ErrorType, RenderError
from fleet.render.request import RenderRequest
from worker.browser.devtools import DevToolsError, Params
from worker.browser.page import Page
from worker.egress.own_site import bundle
from worker.render.evidence.exchange import DECODED
from worker.render.evidence.har import BODIES
from worker.render.evidence.recorder import HAR, SUMMARY
from worker.render.evidence.redaction import Redactor
from worker.render.reports.unfinished import names

_FETCH_ERRORS: Final = frozenset(
    {
        "Failed", "Aborted", "TimedOut", "AccessDenied", "ConnectionClosed", "ConnectionReset",
        "ConnectionRefused", "ConnectionAborted", "ConnectionFailed", "NameNotResolved",
        "InternetDisconnected", "AddressUnreachable", "BlockedByClient", "BlockedByResponse",
    }
)  # fmt: skip
# They describe how the body came over the network, which it does not do now; and cookies have no value.
_NOT_REPEATED: Final = frozenset(
    {"connection", "content-encoding", "content-length", "set-cookie", "transfer-encoding"}
)
_FIRST_STATUS: Final = 100
_ENDLESS: Final = "eventsource"
_PREFLIGHT: Final = "OPTIONS"
_OWN_SITE: Final = f"http://{bundle.HOST}/"


class Replay:
    """A recording, and what was asked of it.

    Attributes:
        missing: addresses that the page has asked for and that were not recorded, in order.
        redacted: how many bodies of the recording had a secret in them.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]], archive: zipfile.ZipFile, redacted: int) -> None:
        self.missing: dict[str, None] = {}
        self.redacted = redacted
        self._archive = archive
        self._entries: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for entry in entries:
            self._entries[entry["request"]["method"], entry["request"]["url"]].append(entry)
        self._asked: Counter[tuple[str, str]] = Counter()
        self._redactor = Redactor(())
        self._page: Page | None = None
        self._answers: set[asyncio.Task[None]] = set()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the zip file of an evidence. The file must stay there until `close`.

        Raises:
            RenderError: `not_replayable`: it is damaged.
        """
        try:
            archive = zipfile.ZipFile(path)
            entries = json.loads(archive.read(HAR))["log"]["entries"]
            redacted = int(json.loads(archive.read(SUMMARY))["redacted_bodies"])
            return cls(entries, archive, redacted)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise RenderError(ErrorType.NOT_REPLAYABLE, "the evidence cannot be read") from error

    def close(self) -> None:
        """Close the zip file."""
        for task in self._answers:
            task.cancel()
        self._archive.close()

    async def answer(self, page: Page, request: RenderRequest) -> None:
        """Answer all requests of the page from now on. Call this before anything is loaded.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        self._page = page
        self._redactor = Redactor.of(request)
        page.on("Fetch.requestPaused", self._on_paused)
        await page.send("Fetch.enable", patterns=[{"urlPattern": "*"}])

    def warnings(self) -> list[str]:
        """Sentences about why the result may differ from that of the recorded render."""
        found = []
        if self.missing:
            some = ", ".join(names(self.missing))
            found.append(
                f"replay: {len(self.missing)} addresses were asked for that were not recorded: {some}"
            )
        if self.redacted:
            count = self.redacted
            found.append(f"replay: {count} recorded answers had a secret in them, which is taken out")
        return found

    def _on_paused(self, params: Params) -> None:
        task = asyncio.create_task(self._reply(params))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _reply(self, params: Params) -> None:
        page = self._page
        assert page is not None, "it was told to answer this page"  # noqa: S101
        request_id, method = params["requestId"], params["request"]["method"]
        url: str = params["request"]["url"]
        try:
            if not url.startswith(("http://", "https://")) or url.startswith(_OWN_SITE):
                # The port serves the files of the request itself.
                await page.send("Fetch.continueRequest", requestId=request_id)
                return
            entry = self._entry(method, url)
            if entry is None:
                await self._without_entry(page, request_id, method, url)
            else:
                await self._with_entry(page, request_id, entry)
        except DevToolsError:
            return  # the page has given the request up, or has ended

    def _entry(self, method: str, url: str) -> Mapping[str, Any] | None:
        """The next answer that was recorded for this; the last one again, when there are no more."""
        key = method, self._redactor.text(url.partition("#")[0])
        entries = self._entries.get(key)
        if entries is None:
            return None
        number = self._asked[key]
        self._asked[key] += 1
        entry = entries[min(number, len(entries) - 1)]
        if "_file" not in entry["response"]["content"]:
            # It came from Chromium's cache. The body is in the entry of the answer that the cache had stored.
            same = entry["response"]["status"]
            full = [one for one in entries if "_file" in one["response"]["content"]]
            entry = next((one for one in full if one["response"]["status"] in (same, 200)), entry)
        return entry

    async def _without_entry(self, page: Page, request_id: str, method: str, url: str) -> None:
        if method == _PREFLIGHT:
            # Chromium asks for leave more or less often, as its cache has it.
            allow = [
                {"name": f"Access-Control-Allow-{what}", "value": "*"} for what in ("Headers", "Methods")
            ]
            allow.append({"name": "Access-Control-Allow-Origin", "value": "*"})
            await page.send(
                "Fetch.fulfillRequest", requestId=request_id, responseCode=204, responseHeaders=allow
            )
            return
        if not url.endswith("/favicon.ico"):
            self.missing[url] = None
        await page.send("Fetch.failRequest", requestId=request_id, errorReason="InternetDisconnected")

    async def _with_entry(self, page: Page, request_id: str, entry: Mapping[str, Any]) -> None:
        response = entry["response"]
        if led_to := response["content"].get("_ledTo"):
            location = [{"name": "Location", "value": led_to}]
            await page.send(
                "Fetch.fulfillRequest", requestId=request_id, responseCode=302, responseHeaders=location
            )
            return
        if failure := response.get("_failureText"):
            await page.send("Fetch.failRequest", requestId=request_id, errorReason=_reason(failure))
            return
        is_open = entry["time"] < 0
        if response["status"] < _FIRST_STATUS or (is_open and entry["_resourceType"] == _ENDLESS):
            return  # it had not been answered when the page was captured, and is not now
        name = response["content"].get("_file", "")
        body = await asyncio.to_thread(self._archive.read, name) if name.startswith(BODIES) else b""
        fields = _fields(response)
        await page.send(
            "Fetch.fulfillRequest",
            requestId=request_id,
            responseCode=response["status"],
            responseHeaders=fields,
            responsePhrase=response["statusText"] or "OK",
            body=base64.b64encode(body).decode(),
        )


def _fields(response: Mapping[str, Any]) -> list[dict[str, str]]:
    """The header fields of a recorded answer, as far as they still hold."""
    # DevTools joins several fields of one name into one, with line breaks.
    fields = [
        {"name": field["name"], "value": value}
        for field in response["headers"]
        for value in field["value"].split("\n")
        if field["name"].lower() not in _NOT_REPEATED and not field["name"].startswith(":")
    ]
    mime_type = response["content"]["mimeType"]
    if mime_type.endswith(DECODED):
        fields = [field for field in fields if field["name"].lower() != "content-type"]
        fields.append({"name": "Content-Type", "value": mime_type})
    return fields


def _reason(failure: str) -> str:
    """Fetch's word for an error as DevTools names it, such as `net::ERR_CONNECTION_REFUSED` or `csp`."""
    word = "".join(part.capitalize() for part in failure.removeprefix("net::ERR_").split("_"))
    return word if word in _FETCH_ERRORS else "Failed"
