"""Chromium's words for what went wrong on the network, and what each is to a caller."""

from typing import Final

from fleet.errors import ErrorType

# What Chromium says of a 204 and of a download.
ABORTED: Final = "net::ERR_ABORTED"
# Chromium's words (net/base/net_error_list.h) by their beginning; the first that fits counts.
NET_ERRORS: Final[tuple[tuple[str, ErrorType], ...]] = (
    ("net::ERR_NAME_", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_DNS_", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_ICANN_NAME_COLLISION", ErrorType.NAME_NOT_RESOLVED),
    ("net::ERR_CERT", ErrorType.TLS_ERROR),
    ("net::ERR_SSL_", ErrorType.TLS_ERROR),
    ("net::ERR_BAD_SSL_", ErrorType.TLS_ERROR),
    ("net::ERR_ECH_", ErrorType.TLS_ERROR),
    ("net::ERR_BLOCKED_", ErrorType.URL_BLOCKED),
    ("net::ERR_UNSAFE_", ErrorType.URL_BLOCKED),
    ("net::ERR_DISALLOWED_URL_SCHEME", ErrorType.URL_BLOCKED),
    ("net::ERR_UNKNOWN_URL_SCHEME", ErrorType.URL_BLOCKED),
    ("net::ERR_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
    ("net::ERR_CONNECTION_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
    ("net::ERR_HTTP_RESPONSE_CODE_FAILURE", ErrorType.HTTP_STATUS_REJECTED),
    (ABORTED, ErrorType.CONTENT_REJECTED),
    # Its own port of the egress proxy is gone.
    ("net::ERR_PROXY_", ErrorType.EGRESS_UNAVAILABLE),
    # No memory, or no room on the disk for shared memory: ours, not the target's.
    ("net::ERR_INSUFFICIENT_RESOURCES", ErrorType.BROWSER_UNAVAILABLE),
    ("net::ERR_OUT_OF_MEMORY", ErrorType.BROWSER_UNAVAILABLE),
)

# What a page may end with because the network did not give it what it asked for.
OF_THE_NETWORK: Final = frozenset(
    {
        ErrorType.URL_BLOCKED,
        ErrorType.NAME_NOT_RESOLVED,
        ErrorType.CONNECTION_FAILED,
        ErrorType.TLS_ERROR,
        ErrorType.NAVIGATION_TIMEOUT,
        ErrorType.CONTENT_REJECTED,
    }
)
# How Chromium calls it when the page's own port of the egress proxy refuses, or passes a refusal on. The port
# knows the reason.
_OF_OUR_PROXY: Final = (
    "net::ERR_TUNNEL_CONNECTION_FAILED",
    "net::ERR_EMPTY_RESPONSE",
    "net::ERR_CONNECTION_RESET",
    "net::ERR_CONNECTION_CLOSED",
    "net::ERR_CONNECTION_ABORTED",
    "net::ERR_SOCKET_NOT_CONNECTED",
)


def error_type(net_error: str) -> ErrorType:
    """What a net error of Chromium is to a caller; a connection that failed, if it is no other."""
    for beginning, type_ in NET_ERRORS:
        if net_error.startswith(beginning):
            return type_
    return ErrorType.CONNECTION_FAILED


def is_of_our_proxy(net_error: str) -> bool:
    """Whether the egress proxy may have caused it, so that its verdict on the address is the reason."""
    return net_error.startswith(_OF_OUR_PROXY)
