"""Ends a page that downloads again and again: nobody gets the files, but Chromium writes them first.

Downloads are refused, but what a page downloads lies in the worker's folder until Chromium refuses it: pages
that downloaded blobs of 50 MB wrote 1.1 GB (measured).
"""

from collections.abc import Callable
from typing import Final

from worker.browser.devtools import Params, Session

# Sites begin one by themselves, and try it again.
_MAX_DOWNLOADS: Final = 5
MANY_DOWNLOADS: Final = f"the page began more than {_MAX_DOWNLOADS} downloads; nobody would get them"


class Downloads:
    """Counts the downloads of one page, those of its frames included."""

    def __init__(self, session: Session) -> None:
        self._count = 0
        self._end: Callable[[], None] | None = None
        session.on("Page.downloadWillBegin", self._begins)

    def on_too_many(self, end: Callable[[], None]) -> None:
        """Call `end` when the page has begun more downloads than may be."""
        self._end = end

    def _begins(self, _: Params) -> None:
        self._count += 1
        if self._count > _MAX_DOWNLOADS and self._end is not None:
            self._end()
