"""Forms of other sites are refused (cross-site request forgery), without tokens.

Browsers say in `Sec-Fetch-Site` where a request comes from (W3C, Fetch Metadata Request Headers). Over plain
http to an address that is not this machine they leave it out; then `Origin` must have our own host.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from api.http.problems import RefusedError
from fleet.errors import ErrorType

_SAFE: Final = frozenset({"GET", "HEAD"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


async def require_own_origin(request: Request) -> None:
    """Do nothing if a request changes nothing, or comes from a page of our own.

    Raises:
        RefusedError: forbidden.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site == "same-origin" or (site is None and _is_our_host(request)):
        return
    raise RefusedError(
        ErrorType.FORBIDDEN, "this was sent by a page of another site, or by a program that is no browser"
    )


def is_behind_tls(request: Request) -> bool:
    """Whether the browser speaks TLS, to a proxy in front of this server: the form's origin says so."""
    return request.headers.get("origin", "").startswith("https://")


def _is_our_host(request: Request) -> bool:
    origin = request.headers.get("origin", "")
    try:
        parts, ours = urlsplit(origin), urlsplit(f"//{request.headers.get('host', '')}")
        default = _DEFAULT_PORTS.get(parts.scheme)
        return (
            default is not None
            and parts.hostname is not None
            and (parts.hostname, parts.port or default) == (ours.hostname, ours.port or default)
        )
    except ValueError:
        return False
