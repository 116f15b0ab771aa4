"""What Chromium notes about a page while it loads: errors of its scripts, transfers that broke off.

Chromium keeps these notes until somebody asks, at most 1,000 of each kind, and drops them when the page goes
on to another document. So nothing is switched on before there is a question: to have it report every request
from the start costs 170 ms of CPU on a page of 60 requests.
"""

import re
from typing import Final

from worker.browser.devtools import Params, Session

_NET_ERROR: Final = re.compile(r"net::ERR_\w+")


class PageLog:
    """The notes of one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._net_errors: dict[str, str] = {}
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

    async def script_errors(self) -> list[str]:
        """What scripts of the current document gave to `console.error`, or threw without a catch, in order.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        self._script_errors = []
        await self._session.send("Runtime.enable")  # the messages come before its answer
        await self._session.send("Runtime.disable")
        return self._script_errors

    def _entry(self, params: Params) -> None:
        entry = params["entry"]
        # The request of a document has the document's own id.
        if (request_id := entry.get("networkRequestId")) and (found := _NET_ERROR.search(entry["text"])):
            self._net_errors[request_id] = found[0]

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
