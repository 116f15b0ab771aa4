"""What a page could not reach, in the words of an error or of a warning; never with a resolved address."""

from collections.abc import Iterator
from typing import Final

from pydantic_core import Url

from fleet.egress.hosts import is_address
from fleet.errors import ErrorType, RenderError
from worker.browser.page import Page
from worker.egress.port import Port
from worker.egress.verdicts import UNREADABLE, Cap, ConnectionOutcome, PortRecord, Verdict

_WEB: Final = ("http://", "https://")
_BYPASSED: Final = "The browser lost its connection to the internet while it rendered the page."
# A warning names so many hosts; who wants them all reads the log.
_NAMED: Final = 5

_ERRORS: Final[dict[ConnectionOutcome, tuple[ErrorType, str]]] = {
    ConnectionOutcome.BLOCKED: (
        ErrorType.URL_BLOCKED,
        "The page led to an address that may not be rendered.",
    ),
    ConnectionOutcome.UNWANTED: (
        ErrorType.URL_BLOCKED,
        "The page led to a host that is in `block_requests`.",
    ),
    ConnectionOutcome.NOT_RESOLVED: (
        ErrorType.NAME_NOT_RESOLVED,
        "The host name has no address. Check its spelling and its DNS.",
    ),
    ConnectionOutcome.FAILED: (
        ErrorType.CONNECTION_FAILED,
        "The target did not accept the connection, or closed it without an answer.",
    ),
    ConnectionOutcome.TIMED_OUT: (ErrorType.NAVIGATION_TIMEOUT, "The target did not answer in time."),
    ConnectionOutcome.OVER_CAP: (
        ErrorType.CONTENT_REJECTED,
        "The page had more of the network than a page may have.",
    ),
    ConnectionOutcome.PROXY_REFUSED: (
        ErrorType.CONNECTION_FAILED,
        "The proxy of the request refused the connection.",
    ),
    ConnectionOutcome.PROXY_FAILED: (
        ErrorType.CONNECTION_FAILED,
        "The proxy of the request cannot be reached.",
    ),
    ConnectionOutcome.UNAVAILABLE: (ErrorType.EGRESS_UNAVAILABLE, "The egress service does not answer."),
    ConnectionOutcome.MALFORMED: (
        ErrorType.URL_BLOCKED,
        "The page led to an address that cannot be read safely.",
    ),
    ConnectionOutcome.NOT_ADMITTED: (ErrorType.INTERNAL_ERROR, "The page went out before it was allowed to."),
}
_CAPS: Final = {
    Cap.BYTES: "it sent and received more bytes than a page may",
    Cap.CONNECTIONS: "it asked for more connections than a page may",
    Cap.OPEN_CONNECTIONS: "it asked for more connections at once than a page may have",
    Cap.TIME: "its time on the network was over",
}
# What exceeds these is cut while it passes; what exceeds the others is refused before.
_CUTTING: Final = frozenset({Cap.BYTES, Cap.TIME})


def refusal(port: Port, url: str) -> RenderError | None:
    """Why a document could not be had from this address; None: the egress proxy knows no reason.

    For documents that Chromium could not open, and for no others: another connection to the same host may
    fail while the document is fine.
    """
    target = _target(url)
    if target is None:
        return None
    verdicts, verdict = port.record.verdicts, port.verdict(*target)
    if verdict is None or (
        verdict.outcome is ConnectionOutcome.CONNECTED and next(reversed(verdicts)) == UNREADABLE
    ):
        # Its own request is the one that could not be read, and so has no target.
        verdict = verdicts.get(UNREADABLE)
    return _error(verdict)


def bypass(port: Port, url: str) -> RenderError | None:
    """An error if what Chromium shows as the document of this address cannot have come from there.

    When Chromium's network service has crashed, Chromium makes the page's network anew without the page's own
    port: requests end at the port that refuses everything, and the page's port never hears of them.
    """
    target = _target(url)
    if target is None or port.has_reached(*target):
        return None
    return RenderError(ErrorType.EGRESS_UNAVAILABLE, _BYPASSED)


def cut(record: PortRecord) -> RenderError | None:
    """Why the port has cut what was on the way; None: it was not the port."""
    return RenderError(*_ERRORS[ConnectionOutcome.OVER_CAP]) if record.capped.keys() & _CUTTING else None


def outage(page: Page) -> RenderError | None:
    """Why the page lacks what it would have had on another day: our own way out did not work."""
    if page.has_lost_network:
        return RenderError(ErrorType.EGRESS_UNAVAILABLE, _BYPASSED)
    outcomes = {verdict.outcome for verdict in page.port.record.verdicts.values()}
    return (
        RenderError(*_ERRORS[ConnectionOutcome.UNAVAILABLE])
        if ConnectionOutcome.UNAVAILABLE in outcomes
        else None
    )


def warnings(record: PortRecord) -> Iterator[str]:
    """Sentences about what the page did not get, although the render went on."""
    blocked = sorted(
        {host for host, verdict in record.blocked if verdict.outcome is ConnectionOutcome.BLOCKED}
    )
    if blocked:
        yield f"blocked: the page asked for what may not be rendered, at {_some(blocked)}"
    for cap in record.capped:
        yield f"egress: parts of the page may be missing: {_CAPS[cap]}"


def _target(url: str) -> tuple[str, int] | None:
    """Host and port of an address; None: it is none of the web. Both are empty when it cannot be read."""
    try:
        target = Url(url)
    except ValueError:
        return ("", 0) if url.startswith(_WEB) else None
    return (target.host or "", target.port or 0) if f"{target.scheme}://" in _WEB else None


def _error(verdict: Verdict | None) -> RenderError | None:
    if verdict is None or verdict.outcome is ConnectionOutcome.CONNECTED:
        return None
    if verdict.outcome is ConnectionOutcome.PROXY_FAILED and verdict.rule is not None:
        return RenderError(ErrorType.URL_BLOCKED, f"The proxy of the request: {verdict.rule.value}")
    type_, words = _ERRORS[verdict.outcome]
    return RenderError(type_, verdict.detail or (verdict.rule.value if verdict.rule else words))


def _some(hosts: list[str]) -> str:
    names = [host for host in hosts if not is_address(host)]
    named = ", ".join(names[:_NAMED])
    others = len(hosts) - len(names[:_NAMED])
    if not named:
        return "an address" if others == 1 else f"{others} addresses"
    return f"{named} and {others} more" if others else named
