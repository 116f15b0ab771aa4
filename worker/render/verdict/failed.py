"""Which parts of a page did not come, and why: from all who know a part of it.

Chromium's own log knows most of them. It has no line for a part of another site that was answered with an
error page; of that the page's elements tell. Why the egress proxy refuses a connection its port knows.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from fleet.jobs.verdict import FailedRequestDocument
from worker.browser.document.failed_requests import FailedRequest
from worker.egress.port import Port
from worker.egress.verdicts import ConnectionOutcome
from worker.render.reports import egress_report
from worker.render.reports.net_errors import error_type, is_of_our_proxy
from worker.render.reports.unfinished import address_name
from worker.render.verdict.findings import Findings

IMAGE: Final = "image"
STYLESHEET: Final = "stylesheet"
_MOST: Final = 20
# What the caller has blocked is no failure.
_BLOCKED_BY_US: Final = "net::ERR_BLOCKED_BY_CLIENT"
_TYPES: Final = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp"), IMAGE),
    **dict.fromkeys(("js", "mjs"), "script"),
    **dict.fromkeys(("woff", "woff2", "ttf", "otf"), "font"),
    "css": STYLESHEET,
}


class FailedParts:
    """The parts of one page that did not come, each address once."""

    def __init__(self, port: Port, findings: Findings | None, noted: Mapping[str, FailedRequest]) -> None:
        """Put together what is known.

        Args:
            port: the page's port of the egress proxy.
            findings: what the page says; None: nothing.
            noted: what Chromium's log has, by the ids of requests.
        """
        self._port = port
        self._unwanted: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._frames: set[str] = set()
        self._images: set[str] = set()
        self._sheets: set[str] = set()
        for request_id, request in noted.items():
            if "." not in request_id:  # the request of a document has an id of another form
                self._frames.add(_bare(request.url))
            self._note(request.url, request.reason)
        if findings is not None:
            self._images = {_bare(url) for url, _ in findings["images"]["missing"]}
            self._sheets = {_bare(url) for url in findings["sheets"]}
            for url, status in findings["refused"]:
                self._note(url, str(status))
            for url in (*findings["lost"], *self._images):
                self._note(url, "")

    def has(self, url: str) -> bool:
        """Whether this part did not come, and not because the caller has blocked it."""
        return _bare(url) in self._reasons

    def is_unwanted(self, url: str) -> bool:
        """Whether the caller has blocked it."""
        return _bare(url) in self._unwanted

    def reason(self, url: str) -> str:
        """Why this part did not come: a status or an error type. Empty: it is not known that it did not."""
        url = _bare(url)
        if url not in self._reasons:
            return ""
        document = self._document(url, self._reasons[url])
        return str(document.status or document.error or "")

    def documents(self) -> list[FailedRequestDocument]:
        """As the job document has them, the first 20."""
        return [self._document(url, reason) for url, reason in list(self._reasons.items())[:_MOST]]

    def _note(self, url: str, reason: str) -> None:
        url = _bare(url)
        if not address_name(url):
            return
        found = egress_report.verdict(self._port, url)
        is_ours = found is not None and found.is_block and found.outcome is not ConnectionOutcome.BLOCKED
        if is_ours or reason.startswith(_BLOCKED_BY_US):
            self._unwanted.add(url)
            self._reasons.pop(url, None)
        elif url not in self._unwanted:
            self._reasons[url] = self._reasons.get(url) or reason

    def _document(self, url: str, reason: str) -> FailedRequestDocument:
        is_status = reason.isdecimal()
        return FailedRequestDocument(
            url=address_name(url),
            status=int(reason) if is_status else None,
            error=None if is_status else self._error(url, reason),
            type=self._type(url),
        )

    def _error(self, url: str, reason: str) -> str | None:
        if (not reason or is_of_our_proxy(reason)) and (refusal := egress_report.refusal(self._port, url)):
            return refusal.type.value
        return error_type(reason).value if reason else None

    def _type(self, url: str) -> str:
        if url in self._images:
            return IMAGE
        if url in self._sheets:
            return STYLESHEET
        if url in self._frames:
            return "frame"
        return _TYPES.get(PurePosixPath(urlsplit(url).path).suffix.lower().lstrip("."), "other")


def _bare(url: str) -> str:
    return url.partition("#")[0]
