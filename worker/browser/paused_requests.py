"""Requests that Chromium stops before it sends them, and what becomes of them.

Chromium has one set of patterns for a page (`Fetch.enable`), and a request that matches any of them waits
for an answer. So whoever wants to see requests adds patterns here, and a judge who is asked about each. A
request that matches none costs 1.4 ms of CPU, too, because it takes a longer way through the browser; one
that does costs about 1.5 ms more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from worker.browser.devtools import Params, Session

# Network.ErrorReason of the DevTools protocol; the page sees net::ERR_BLOCKED_BY_CLIENT.
_REFUSED: Final = "BlockedByClient"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a request.

    Attributes:
        is_refused: whether it fails.
        added: header fields that it gets.
    """

    is_refused: bool = False
    added: Mapping[str, str] | None = None


# Gets the parameters of Fetch.requestPaused; None: the request means nothing to it.
Judge: TypeAlias = Callable[[Params], Judgement | None]


class PausedRequests:
    """Those of one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._patterns: list[Mapping[str, str]] = []
        self._judges: list[Judge] = []

    async def watch(self, patterns: Sequence[Mapping[str, str]], judge: Judge) -> None:
        """Stop the requests that match from now on. Call this before anything is loaded.

        Args:
            patterns: `Fetch.RequestPattern` of the DevTools protocol.
            judge: is asked about each request that is stopped, also about those that others wait for.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        if not self._judges:
            self._session.on("Fetch.requestPaused", self._on_paused)
        self._judges.append(judge)
        self._patterns.extend(patterns)
        await self._session.send("Fetch.enable", patterns=self._patterns)

    def _on_paused(self, params: Params) -> None:
        request_id, added = params["requestId"], dict[str, str]()
        for judge in self._judges:
            judgement = judge(params)
            if judgement is None:
                continue
            if judgement.is_refused:
                self._session.post("Fetch.failRequest", requestId=request_id, errorReason=_REFUSED)
                return
            added |= judgement.added or {}
        if not added:
            self._session.post("Fetch.continueRequest", requestId=request_id)
            return
        # Of two of the same name, whatever their case, Chromium takes the last.
        every = [*params["request"]["headers"].items(), *added.items()]
        pairs = [{"name": name, "value": text} for name, text in every]
        self._session.post("Fetch.continueRequest", requestId=request_id, headers=pairs)
