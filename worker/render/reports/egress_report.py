"""What a page could not reach, in the words of an error or of a warning; never with a resolved address."""

from collections.abc import Iterator
from typing import Final

from pydantic_core import Url

from fleet.egress.policy import Rule
from fleet.errors import ErrorType, RenderError
from fleet.render.files import shown
from worker.browser.page import Page
from worker.egress.own_site.bundle import Bundle
from worker.egress.port import Port
from worker.egress.verdicts import UNREADABLE, Cap, ConnectionOutcome, PortRecord, Verdict
from worker.render.reports.unfinished import address_name

_WEB: Final = ("http://", "https://")
_CUT_SHORT: Final = "the transfer of the page broke off: its compressed body ends too early"
_BYPASSED: Final = "The browser lost its connection to the internet while it rendered the page."
# A warning names so many at most; the log has more of them.
_NAMED: Final = 5

_ERRORS: Final[dict[ConnectionOutcome, tuple[ErrorType, str]]] = {
    ConnectionOutcome.BLOCKED: (
        ErrorType.URL_BLOCKED,
        "The page led to an address that may not be rendered.",
    ),
    ConnectionOutcome.UNWANTED: (
        ErrorType.URL_BLOCKED,
        "The page led to an address that the request keeps out.",
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
    ConnectionOutcome.OFFLINE: (
        ErrorType.NOT_REPLAYABLE,
        "The page asked for what is not in the evidence.",
    ),
    ConnectionOutcome.NOT_ADMITTED: (ErrorType.INTERNAL_ERROR, "The page went out before it was allowed to."),
}
_CAPS: Final = {
    Cap.BYTES: "it sent and received more bytes than a page may",
    Cap.CONNECTIONS: "it asked for more connections than a page may",
    Cap.OPEN_CONNECTIONS: "it asked for more connections at once than a page may have",
    Cap.TIME: "its time on the network was over",
}
_RULES: Final = {
    Rule.SCHEME: "not http or https",
    Rule.CREDENTIALS: "has a user name or a password",
    Rule.HOST: "not public",
    Rule.PORT: "a port that is not open",
    Rule.DENIED: "on this service's list of what may not be reached",
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
    verdicts, found = port.record.verdicts, port.verdict(*target)
    if found is None or (
        found.outcome is ConnectionOutcome.CONNECTED and next(reversed(verdicts)) == UNREADABLE
    ):
        # Its own request is the one that could not be read, and so has no target.
        found = verdicts.get(UNREADABLE)
    return _error(found)


def verdict(port: Port, url: str) -> Verdict | None:
    """What became of the last connection to the host of an address; None: the page asked for none."""
    target = _target(url)
    return None if target is None else port.verdict(*target)


def bypass(port: Port, url: str) -> RenderError | None:
    """An error if what Chromium shows as the document of this address cannot have come from there.

    When Chromium's network service has crashed, Chromium makes the page's network anew without the page's own
    port: requests end at the port that refuses everything, and the page's port never hears of them.
    """
    target = _target(url)
    if target is None or port.is_offline or port.has_reached(*target):
        return None
    return RenderError(ErrorType.EGRESS_UNAVAILABLE, _BYPASSED)


def cut(record: PortRecord) -> RenderError | None:
    """Why the port has cut what was on the way; None: it was not the port."""
    return RenderError(*_ERRORS[ConnectionOutcome.OVER_CAP]) if record.capped.keys() & _CUTTING else None


def cut_short(page: Page) -> RenderError | None:
    """An error if the page's document was compressed and has ended too early, of which Chromium says nothing.

    Of plain http only: nobody but Chromium can look into a tunnel.
    """
    if not page.port.bodies.cut.get(page.lifecycle.url):
        return None
    return RenderError(ErrorType.CONNECTION_FAILED, _CUT_SHORT)


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


def warnings(port: Port) -> Iterator[str]:
    """Sentences about what the page did not get, although the render went on."""
    record = port.record
    blocked = [
        f"{_origin(record, host)} ({_RULES[verdict.rule]})"
        for host, verdict in record.blocked
        if verdict.outcome is ConnectionOutcome.BLOCKED and verdict.rule is not None
    ]
    if blocked:
        yield f"blocked: {_some(sorted(blocked))}"
    for cap in record.capped:
        yield f"egress: parts of the page may be missing: {_CAPS[cap]}"
    if cut := list(dict.fromkeys(map(address_name, port.bodies.cut))):
        yield f"egress: the compressed bodies of these ended too early: {_some(cut)}"


def _origin(record: PortRecord, host: str) -> str:
    """What the page has asked for, as an address without its path: as it was asked, never as it resolves."""
    port = next((port for known, port in record.verdicts if known == host), 0)
    is_https = (host, port) in record.tunnels
    name = f"[{host}]" if ":" in host else host
    is_usual = port in (0, 443 if is_https else 80)
    return f"{'https' if is_https else 'http'}://{name}{'' if is_usual else f':{port}'}"


def file_warnings(bundle: Bundle) -> Iterator[str]:
    """Sentences about files that the page asked for, and did not get as it wants them."""
    if bundle.missing:
        yield f"files: the page asked for what is not among its files: {_some_files(list(bundle.missing))}"
    if bundle.damaged_fonts:
        names = _some_files(list(bundle.damaged_fonts))
        yield f"files: these are no fonts, so that the page is shown in other ones: {names}"


def _some_files(names: list[str]) -> str:
    return _some([shown(name) for name in names])


def _some(names: list[str]) -> str:
    named = ", ".join(names[:_NAMED])
    return f"{named} and {len(names) - _NAMED} more" if len(names) > _NAMED else named


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
