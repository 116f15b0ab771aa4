"""The ports of the worker itself, which no page reaches even where the operator has opened loopback."""

import errno
import socket
from collections.abc import Iterable
from typing import Final

from fleet.egress.public_addresses import Address

# Debugging ports of all workers on a machine come from this hundred, so that the egress proxy can refuse all
# of them, whatever the operator opens. They lie below the ports that Linux itself gives out (32768 and up).
DEVTOOLS_PORTS: Final = range(29_200, 29_300)
_NOT_OURS: Final = errno.EADDRNOTAVAIL


class OwnPorts:
    """Ports at which this process, its browser, or a neighbour's browser listens."""

    def __init__(self, forbidden: Iterable[int] = ()) -> None:
        """Begin with the browsers' debugging ports and `forbidden`."""
        self._ports = {*DEVTOOLS_PORTS, *forbidden} - {0}

    def add(self, port: int) -> None:
        """One more."""
        self._ports.add(port)

    def remove(self, port: int) -> None:
        """It listens no more."""
        self._ports.discard(port)

    def has(self, address: Address, port: int) -> bool:
        """Whether a connection there would end at one of them."""
        return port in self._ports and _is_of_this_machine(address)


def _is_of_this_machine(address: Address) -> bool:
    """Whether it can be bound here; asked only for a port that is ours, so that it costs pages nothing."""
    if address.version == 6 and address.ipv4_mapped is not None:  # noqa: PLR2004 - the other family
        address = address.ipv4_mapped
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - of the two
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno != _NOT_OURS  # whatever else is wrong, it is not shown to be another machine's
    return True
