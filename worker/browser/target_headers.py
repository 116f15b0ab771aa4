"""Adds header fields to the requests of a page to one origin, and to no other.

`Fetch` with a pattern stops the requests to that origin alone; all others take their usual way, and cost
nothing. `Network.setExtraHTTPHeaders` would send to every origin. Of a redirect each hop is a request of its
own: Chromium carries no header that was added over to the next one (measured, and tested with a recorder in
tests/integration/worker/render/test_identity.py).
"""

from collections.abc import Mapping
from typing import Final

from worker.browser.devtools import Params, Session

_ORIGIN: Final = "origin"


class TargetHeaders:
    """Those of one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._origin = ""
        self._added: dict[str, str] = {}

    async def add(self, origin: str, headers: Mapping[str, str]) -> None:
        """Add the fields to each request to the origin from now on. Call this before anything is loaded.

        Args:
            origin: scheme, host and port as a browser writes them, such as `https://example.com`.
            headers: names in lower case, and their values.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        self._origin, self._added = origin, dict(headers)
        self._session.on("Fetch.requestPaused", self._on_paused)
        await self._session.send("Fetch.enable", patterns=[{"urlPattern": f"{origin}/*"}])

    def _on_paused(self, params: Params) -> None:
        request = params["request"]
        headers: dict[str, str] = request["headers"]
        if request["url"].startswith(f"{self._origin}/") and self._is_of_target(headers):
            # Of two of the same name, whatever their case, Chromium takes the last.
            every = [*headers.items(), *self._added.items()]
            pairs = [{"name": name, "value": text} for name, text in every]
            self._session.post("Fetch.continueRequest", requestId=params["requestId"], headers=pairs)
        else:
            self._session.post("Fetch.continueRequest", requestId=params["requestId"])

    def _is_of_target(self, headers: Mapping[str, str]) -> bool:
        """Whether no document of another origin sends it, which would act in the caller's name.

        Chromium names the origin where it matters: with forms that are posted, and with requests of scripts
        whose answer they may read.
        """
        return all(text.lower() == self._origin for name, text in headers.items() if name.lower() == _ORIGIN)
