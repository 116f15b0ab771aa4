"""The ports of the worker itself. No page may reach them, even if the operator allows loopback."""

import errno
import socket
from collections.abc import Iterable
from typing import Final

from fleet.egress.public_addresses import Address

# The debugging ports of all workers on a machine are in this range, so that the egress proxy can refuse them
# all. The range is below the ports that Linux itself assigns (32768 and higher).
DEVTOOLS_PORTS: Final = range(29_200, 29_300)
_NOT_OURS: Final = errno.EADDRNOTAVAIL


class OwnPorts:
    """Ports at which this process, its browser, or a neighbour's browser listens."""

    def __init__(self, forbidden: Iterable[int] = ()) -> None:
        """Begin with the browsers' debugging ports and `forbidden`."""
        self._ports = {*DEVTOOLS_PORTS, *forbidden} - {0}

    def add(self, port: int) -> None:
        """Refuse one more port."""
        self._ports.add(port)

    def remove(self, port: int) -> None:
        """Do not refuse a port any more: nothing listens at it."""
        self._ports.discard(port)

    def has(self, address: Address, port: int) -> bool:
        """Whether this address and port are one of these ports on this machine."""
        return port in self._ports and _is_of_this_machine(address)


def _is_of_this_machine(address: Address) -> bool:
    """Whether it is an address of this machine: then a socket can be bound to it."""
    if address.version == 6 and address.ipv4_mapped is not None:  # noqa: PLR2004 - the other family
        address = address.ipv4_mapped
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - of the two
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno != _NOT_OURS  # after another error it may be ours, so it is refused
    return True
