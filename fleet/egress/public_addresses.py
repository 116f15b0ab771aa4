"""Decides which addresses and names belong to the public internet (pure: no socket, no name server).

`ipaddress.is_global` is not used: its result depends on the Python release, and in 3.11 it is True for
multicast, for the metadata service of Azure, for NAT64 and for 6to4.

Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), each line with its own RFC.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
# These are whole blocks, also where the registry calls a part of them "globally reachable". Those parts are
# anycast for name servers and tunnels (AS112, AMT): the nearest server answers, and there are no web pages.
NOT_PUBLIC_IPV4: Final = {
    IPv4Network("0.0.0.0/8"): "this network, RFC 791; Linux connects 0.0.0.0 to itself",
    IPv4Network("10.0.0.0/8"): "private use, RFC 1918",
    IPv4Network("100.64.0.0/10"): "shared address space, RFC 6598; 100.100.100.200 is Alibaba's metadata",
    IPv4Network("127.0.0.0/8"): "loopback, RFC 1122",
    IPv4Network("168.63.129.16/32"): "Azure's WireServer: metadata at an address that is otherwise public",
    IPv4Network("169.254.0.0/16"): "link local, RFC 3927; metadata of most clouds",
    IPv4Network("172.16.0.0/12"): "private use, RFC 1918",
    IPv4Network("192.0.0.0/24"): "protocol assignments, RFC 6890; 192.0.0.192 is Oracle's metadata",
    IPv4Network("192.0.2.0/24"): "documentation, RFC 5737",
    IPv4Network("192.31.196.0/24"): "AS112, RFC 7535",
    IPv4Network("192.52.193.0/24"): "AMT relays, RFC 7450",
    IPv4Network("192.88.99.0/24"): "6to4 relays, RFC 7526",
    IPv4Network("192.168.0.0/16"): "private use, RFC 1918",
    IPv4Network("192.175.48.0/24"): "AS112, RFC 7534",
    IPv4Network("198.18.0.0/15"): "benchmarks, RFC 2544",
    IPv4Network("198.51.100.0/24"): "documentation, RFC 5737",
    IPv4Network("203.0.113.0/24"): "documentation, RFC 5737",
    IPv4Network("224.0.0.0/4"): "multicast, RFC 5771",
    IPv4Network("240.0.0.0/4"): "reserved, RFC 1112, and limited broadcast, RFC 919",
}
# All that IANA assigns for unicast. Everything outside of it is refused without being listed: loopback,
# IPv4-mapped and -compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), unique local, link local, site local,
# multicast.
GLOBAL_UNICAST_IPV6: Final = IPv6Network("2000::/3")
NOT_PUBLIC_IPV6: Final = {
    IPv6Network("2001::/23"): "protocol assignments, RFC 2928: Teredo, ORCHID, benchmarks, AMT",
    IPv6Network("2001:db8::/32"): "documentation, RFC 3849",
    IPv6Network("2002::/16"): "6to4, RFC 3056: carries any IPv4 address",
    IPv6Network("2620:4f:8000::/48"): "AS112, RFC 7534",
    IPv6Network("3fff::/20"): "documentation, RFC 9637",
}
# Names that belong to private networks, each with all names below it.
PRIVATE_NAMES: Final = {
    "localhost": "RFC 6761",
    "localdomain": "the name of the machine itself in /etc/hosts of many systems",
    "local": "RFC 6762; also cluster.local",
    "home.arpa": "RFC 8375",
    "internal": "reserved by ICANN in 2024; metadata.google.internal, host.docker.internal",
    "intranet": "RFC 6762, appendix G",
    "private": "RFC 6762, appendix G",
    "corp": "RFC 6762, appendix G",
    "home": "RFC 6762, appendix G",
    "lan": "RFC 6762, appendix G",
    "svc": "Kubernetes services, as a pod's search list completes them",
}


@lru_cache(maxsize=4096)  # one check takes 15 us, and a page uses the same few addresses again and again
def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    if address.scope_id is not None:  # a zone names an interface of this machine
        return False
    return address in GLOBAL_UNICAST_IPV6 and not any(address in network for network in NOT_PUBLIC_IPV6)


def is_private_name(host: str) -> bool:
    """Whether a name is private by its spelling: a single label, or below one of `PRIVATE_NAMES`."""
    name = host.rstrip(".").lower()
    return "." not in name or any(name == tail or name.endswith(f".{tail}") for tail in PRIVATE_NAMES)
