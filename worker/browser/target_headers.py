"""Adds header fields to the requests of a page to one origin, and to no other.

`Fetch` with a pattern stops the requests to that origin alone; all others become slower by 1.4 ms of CPU.
`Network.setExtraHTTPHeaders` would send to every origin. Of a redirect each hop is a request of its own:
Chromium carries no header that was added over to the next one (measured, and tested with a recorder in
tests/integration/worker/render/steps/test_identity.py).
"""

from collections.abc import Mapping
from typing import Final

from worker.browser.devtools import Params
from worker.browser.paused_requests import Judgement, PausedRequests

_ORIGIN: Final = "origin"


class TargetHeaders:
    """Those of one page."""

    def __init__(self, paused: PausedRequests) -> None:
        self._paused = paused
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
        await self._paused.watch([{"urlPattern": f"{origin}/*"}], self._judge)

    def _judge(self, params: Params) -> Judgement | None:
        request = params["request"]
        if request["url"].startswith(f"{self._origin}/") and self._is_of_target(request["headers"]):
            return Judgement(added=self._added)
        return None

    def _is_of_target(self, headers: Mapping[str, str]) -> bool:
        """Whether no document of another origin sends it, which would act in the caller's name.

        Chromium names the origin where it matters: with forms that are posted, and with requests of scripts
        whose answer they may read.
        """
        return all(text.lower() == self._origin for name, text in headers.items() if name.lower() == _ORIGIN)
