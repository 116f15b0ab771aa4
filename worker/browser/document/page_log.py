"""What Chromium notes about a page while it loads: errors of its scripts, transfers that broke off.

Chromium keeps these notes until somebody asks, at most 1,000 of each kind, and drops them when the page goes
on to another document. So nothing is switched on before there is a question: to have it report every request
from the start costs 170 ms of CPU on a page of 60 requests.
"""

import asyncio
import re
from typing import Final

from worker.browser.devtools import Params, Session
from worker.browser.document.failed_requests import FailedRequest

# What Chromium writes of a request that failed: `net::ERR_FAILED`, or `... with a status of 404 (Not Found)`.
_NET_ERROR: Final = re.compile(r"net::ERR_[\w.]+")
_STATUS: Final = re.compile(r"a status of ([45]\d\d)\b")


class PageLog:
    """The notes of one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._net_errors: dict[str, str] = {}
        self._failed: dict[str, FailedRequest] = {}
        self._script_errors: list[str] = []
        session.on("Log.entryAdded", self._entry)
        session.on("Runtime.consoleAPICalled", self._console)
        session.on("Runtime.exceptionThrown", self._exception)

    async def net_error(self, loader: str) -> str:
        """Why the transfer of a document broke off, as a net error of Chromium; empty: it did not.

        Args:
            loader: Chromium's id of the document, which is that of its request too.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        await self._session.send("Log.enable")  # the messages come before its answer
        return self._net_errors.get(loader, "")

    async def look(self, loader: str, *, with_errors: bool) -> tuple[dict[str, FailedRequest], int]:
        """The requests that failed, by their ids, and the number of errors of scripts.

        Args:
            loader: Chromium's id of the document; its own request is left out.
            with_errors: whether to count the errors; if not, their number is 0.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        # Switched off again, so that whoever asks after this gets all of them, too.
        log = self._session.send("Log.enable"), self._session.send("Log.disable")
        errors: list[str] = []
        if with_errors:
            *_, errors = await asyncio.gather(*log, self.script_errors())
        else:
            await asyncio.gather(*log)
        return {name: one for name, one in self._failed.items() if name != loader}, len(errors)

    async def script_errors(self) -> list[str]:
        """What scripts of the current document gave to `console.error`, or threw without a catch, in order.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        self._script_errors = []
        # The messages come before the first answer.
        await asyncio.gather(self._session.send("Runtime.enable"), self._session.send("Runtime.disable"))
        return self._script_errors

    def _entry(self, params: Params) -> None:
        entry = params["entry"]
        # The request of a document has the document's own id.
        request_id = entry.get("networkRequestId")
        if not request_id:
            return
        if found := _NET_ERROR.search(entry["text"]):
            self._net_errors[request_id] = found[0]
        elif not (found := _STATUS.search(entry["text"])):
            return
        self._failed[request_id] = FailedRequest(entry.get("url", ""), found[found.re.groups])

    def _console(self, params: Params) -> None:
        if params["type"] in ("error", "assert"):
            words = [str(part.get("value", part.get("description", ""))) for part in params["args"]]
            self._script_errors.append(" ".join(words))

    def _exception(self, params: Params) -> None:
        details = params["exceptionDetails"]
        thrown = details.get("exception", {})
        self._script_errors.append(
            thrown.get("description") or f"{details['text']} {thrown.get('value', '')}"
        )
