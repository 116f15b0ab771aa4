"""How the proxy refuses a tunnel: a status, and a reason that machines can read (RFC 9209).

Plain requests get no answer at all (connection.py says why).
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fleet.egress.policy import Rule
from worker.egress.verdicts import ConnectionOutcome, Verdict


class RefusalError(Exception):
    """No connection was made. The verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.outcome.value)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: HTTPStatus
    token: str


_REFUSALS: Final = {
    ConnectionOutcome.BLOCKED: _Refusal(HTTPStatus.FORBIDDEN, "destination_ip_prohibited"),
    ConnectionOutcome.UNWANTED: _Refusal(HTTPStatus.FORBIDDEN, "http_request_denied"),
    ConnectionOutcome.NOT_ADMITTED: _Refusal(HTTPStatus.FORBIDDEN, "http_request_denied"),
    ConnectionOutcome.OFFLINE: _Refusal(HTTPStatus.FORBIDDEN, "http_request_denied"),
    ConnectionOutcome.OVER_CAP: _Refusal(HTTPStatus.FORBIDDEN, "connection_limit_reached"),
    ConnectionOutcome.MALFORMED: _Refusal(HTTPStatus.BAD_REQUEST, "http_request_error"),
    ConnectionOutcome.NOT_RESOLVED: _Refusal(HTTPStatus.BAD_GATEWAY, "dns_error"),
    ConnectionOutcome.FAILED: _Refusal(HTTPStatus.BAD_GATEWAY, "connection_refused"),
    ConnectionOutcome.TIMED_OUT: _Refusal(HTTPStatus.GATEWAY_TIMEOUT, "connection_timeout"),
    ConnectionOutcome.PROXY_REFUSED: _Refusal(HTTPStatus.BAD_GATEWAY, "proxy_configuration_error"),
    ConnectionOutcome.PROXY_FAILED: _Refusal(HTTPStatus.BAD_GATEWAY, "proxy_configuration_error"),
    ConnectionOutcome.UNAVAILABLE: _Refusal(HTTPStatus.BAD_GATEWAY, "proxy_internal_error"),
}
# How a worker reads the answer of an egress service.
_OUTCOMES: Final = {
    _REFUSALS[outcome].token: outcome
    for outcome in (
        ConnectionOutcome.BLOCKED,
        ConnectionOutcome.OVER_CAP,
        ConnectionOutcome.MALFORMED,
        ConnectionOutcome.NOT_RESOLVED,
        ConnectionOutcome.FAILED,
        ConnectionOutcome.TIMED_OUT,
    )
}
PROXY_NAME: Final = b"renderfleet"


def tunnel_refusal(verdict: Verdict) -> bytes:
    """The whole answer. It contains the kind of the reason, but no details."""
    words = _REFUSALS[verdict.outcome]
    details = f'; details="{verdict.rule.name}"' if verdict.rule is not None else ""
    return (
        f"HTTP/1.1 {words.status.value} {words.status.phrase}\r\n"
        f"Proxy-Status: {PROXY_NAME.decode()}; error={words.token}{details}\r\n"
        "Content-Length: 0\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def read_status(proxy_status: str) -> Verdict:
    """The verdict that an egress service has expressed as Proxy-Status."""
    words = dict(part.strip().partition("=")[::2] for part in proxy_status.split(";"))
    outcome = _OUTCOMES.get(words.get("error", ""), ConnectionOutcome.UNAVAILABLE)
    if outcome is not ConnectionOutcome.BLOCKED:
        return Verdict(outcome)
    name = words.get("details", "").strip('"')
    return Verdict(outcome, Rule[name] if name in Rule.__members__ else Rule.HOST)
