"""Puts cookies and entries of `localStorage` into a page before its first script runs.

`DOMStorage.setDOMStorageItem` needs a document of that origin, whose scripts would have run by then. A script
for new documents comes before all of theirs. It runs in a world of its own, where the page can change none of
the functions that it calls.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from worker.browser.devtools import Session
from worker.browser.protocol import CookieParam

_WORLD: Final = "renderfleet"
# A sandboxed document has no storage, and no origin of its own: `self.origin` is "null" there.
# Once: what the page removes must not be back in its next document. The mark of it lies in `sessionStorage`,
# where the page can see it. To take the script away in time is a race with the next document, which we lost.
_SEED: Final = """if (self.origin === %s) {
  try {
    if (sessionStorage.getItem("renderfleet") === null) {
      sessionStorage.setItem("renderfleet", "storage_state");
      for (const [name, value] of %s) localStorage.setItem(name, value);
    }
  } catch { /* no more room, or no storage at all */ }
}"""


class StorageSeed:
    """That of one page."""

    def __init__(self, browser: Session, session: Session, context_id: str) -> None:
        self._browser = browser
        self._session = session
        self._context_id = context_id

    async def set_cookies(self, cookies: Sequence[CookieParam]) -> None:
        """Put cookies into the page's browser context.

        Raises:
            ProtocolError: Chromium refuses one of them, and has kept none.
        """
        await self._browser.send("Storage.setCookies", cookies=cookies, browserContextId=self._context_id)

    async def plant(self, origin: str, entries: Mapping[str, str]) -> None:
        """Let the first document of an origin find these entries. Call this before anything is loaded.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        source = _SEED % (json.dumps(origin), json.dumps(list(entries.items())))
        await self._session.send("Page.addScriptToEvaluateOnNewDocument", source=source, worldName=_WORLD)
