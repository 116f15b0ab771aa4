"""The route of a connection to its target: direct, or through the egress service."""

from collections.abc import Sequence
from typing import Protocol

from fleet.egress.policy import AddressPolicy, BlockedAddressError, Rule, Target
from fleet.egress.public_addresses import Address
from worker.egress.outbound.dial import Dialer, dial_first
from worker.egress.outbound.name_cache import NameCache
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.stream import Stream
from worker.egress.refusal import RefusalError
from worker.egress.verdicts import ConnectionOutcome, Verdict


class Route(Protocol):
    """Opens connections for one page."""

    async def open(self, target: Target, policy: AddressPolicy) -> Stream:
        """Connect to a target that `policy.inspect` has allowed.

        Raises:
            RefusalError: the target may not be reached, or cannot be reached.
        """

    def close(self) -> None:
        """Cancel the name look-ups that are under way."""


class DirectRoute:
    """Resolves a name once, checks all of its addresses, and connects to one of these addresses."""

    def __init__(self, names: NameCache, own: OwnPorts, dialer: Dialer, *, timeout_s: float) -> None:
        self._names = names
        self._own = own
        self._dialer = dialer
        self._timeout_s = timeout_s

    async def open(self, target: Target, policy: AddressPolicy) -> Stream:
        """See `Route`."""
        found = (target.address,) if target.address is not None else await self._names.addresses(target.host)
        if not found:
            raise RefusalError(Verdict(ConnectionOutcome.NOT_RESOLVED))
        require_allowed(found, target.port, policy, self._own)
        try:
            return await dial_first(found, target.port, self._dialer, timeout_s=self._timeout_s)
        except TimeoutError:
            raise RefusalError(Verdict(ConnectionOutcome.TIMED_OUT)) from None
        except OSError:
            raise RefusalError(Verdict(ConnectionOutcome.FAILED)) from None

    def close(self) -> None:
        """See `Route`."""
        self._names.cancel()


def require_allowed(addresses: Sequence[Address], port: int, policy: AddressPolicy, own: OwnPorts) -> None:
    """Check all addresses of a name: all must be allowed, because which of them is used is decided later.

    Raises:
        RefusalError: an address is not allowed, or the port is one of the worker's own.
    """
    try:
        for address in addresses:
            policy.require(address, port)
            if own.has(address, port):
                raise BlockedAddressError(Rule.HOST)
    except BlockedAddressError as error:
        raise RefusalError(Verdict(ConnectionOutcome.BLOCKED, error.rule)) from None
