"""What of an address decides who gets which secret: its origin (RFC 6454) and its host."""

from pydantic_core import Url

from fleet.egress.hosts import is_address

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(address: str) -> str:
    """Scheme, host and port as a browser writes them, such as `https://example.com`.

    Raises:
        ValueError: it is no address of the web.
    """
    url = Url(address)
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        raise ValueError("is no http or https address")
    port = "" if url.port in (None, _DEFAULT_PORTS[url.scheme]) else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}"


def host_of(address: str) -> str:
    """The host of an address of the web, in lower case."""
    return Url(address).host or ""


def is_host_below(host: str, domain: str) -> bool:
    """Whether a host is a domain or lies below it; an IP address has nothing below it (RFC 6265, 5.1.3)."""
    return host == domain or (host.endswith(f".{domain}") and not is_address(host))
