"""Reads the networks and hosts of `EGRESS_ALLOW`, `EGRESS_DENY` and a tenant's own lists (pure)."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from fleet.egress.hosts import HostPatterns, normal_pattern

Network = IPv4Network | IPv6Network
# A network with one port, or with all ports (None).
NetworkPort = tuple[Network, int | None]

# A colon without a port after it does not match, and the entry is refused. If it were read as an entry
# without a port, all ports would be open.
_ENTRY_WITH_PORT: Final = re.compile(
    r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^\[\]:]+)):(?P<port>[0-9]{1,6})"
)


def split_network(entry: str) -> NetworkPort:
    """Read one entry of `EGRESS_ALLOW`: an address or a network, with an optional port.

    An IPv6 address with a port needs brackets, as in a URL: `[fd00::1]:80`.

    Raises:
        ValueError: it cannot be read; the message names the entry and says what is allowed.
    """
    found = _ENTRY_WITH_PORT.fullmatch(entry)
    host, port = (found["bracketed"] or found["plain"], int(found["port"])) if found else (entry, None)
    try:
        network = ip_network(host)
    except ValueError as error:
        raise ValueError(
            f"{entry!r} is not an address or network with an optional port, such as 127.0.0.1:8099, "
            "10.1.0.0/16 or [fd00::1]:80"
        ) from error
    if port is not None and not 1 <= port <= 65_535:  # noqa: PLR2004 - the range of a port
        raise ValueError(f"{entry!r} has a port outside 1 to 65535")
    return network, port


def split_denials(entries: Iterable[str]) -> tuple[tuple[NetworkPort, ...], HostPatterns]:
    """Read the entries of `EGRESS_DENY`: networks as in `EGRESS_ALLOW`, and host patterns.

    Raises:
        ValueError: one cannot be read; the message names the entry and says what is allowed.
    """
    networks, hosts = [], []
    for entry in entries:
        try:
            networks.append(split_network(entry))
        except ValueError:
            hosts.append(_pattern(entry))
    return tuple(networks), HostPatterns(hosts)


def _pattern(entry: str) -> str:
    try:
        return normal_pattern(entry)
    except ValueError:
        raise ValueError(
            f"{entry!r} is neither an address or network with an optional port (10.1.0.0/16, [fd00::1]:80) "
            "nor a host (example.com, or *.example.com for all hosts below it)"
        ) from None
