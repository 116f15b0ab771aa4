"""What a page could not reach, in the words of an error or of a warning; never with a resolved address."""

from collections.abc import Iterator
from typing import Final

from pydantic_core import Url

from fleet.egress.hosts import is_address
from fleet.errors import ErrorType, RenderError
from worker.egress.port import Port
from worker.egress.verdicts import Cap, ConnectionOutcome, PortRecord, Verdict

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


def refusal(port: Port, url: str) -> RenderError | None:
    """Why a document at this address could not be had; None: the egress proxy knows no reason."""
    try:
        target = Url(url)
    except ValueError:
        return None
    if target.scheme not in {"http", "https"}:
        return None
    return _error(port.verdict(target.host or "", target.port or 0))


def last_refusal(port: Port) -> RenderError | None:
    """Why the last connection could not be had; None: there was none such.

    For a navigation that failed before there was a document: nothing else asks for connections then, and
    Chromium does not say at which redirect it failed.
    """
    refused = (error for verdict in reversed(port.record.verdicts.values()) if (error := _error(verdict)))
    return next(refused, None)


def outage(record: PortRecord) -> RenderError | None:
    """Why the page lacks what it would have had on another day: our own way out did not work."""
    outcomes = {verdict.outcome for verdict in record.verdicts.values()}
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
