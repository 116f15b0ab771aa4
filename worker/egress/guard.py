"""Judges the addresses to which the worker itself connects in a tenant's name: those of webhooks.

Pages go through the proxy beside this file, which judges each of their connections. Both ask the same policy
and refuse the same ports of the worker itself, and both have the caller dial an address that was judged, so
that no second look-up exists. Here a refusal is an error in words that a tenant may read.
"""

from fleet.addresses import Address, AddressPolicy, BlockedAddressError, MalformedAddressError, Rule
from fleet.errors import ErrorType, RenderError
from worker.egress.own import OwnPorts
from worker.egress.resolver import Resolver


class Guard:
    """Judges web addresses by a policy and by what their names resolve to."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, own: OwnPorts | None = None) -> None:
        """Ask nothing yet.

        Args:
            policy: which addresses are reachable.
            resolver: of names, bounded in time.
            own: ports that are not; the browsers' debugging ports, if not given.
        """
        self._policy = policy
        self._resolve = resolver
        self._own = own or OwnPorts()

    async def admit(self, url: str) -> tuple[Address, ...]:
        """Return the addresses behind a web address, all of them permitted; never empty.

        The address is parsed again, whatever was checked when it was accepted: settings may have changed
        since, and the database is no reason for trust. A name is resolved once.

        Raises:
            RenderError: URL_BLOCKED when the address, or any one address of its name, is not permitted (one
                is enough: which of them answers is not ours to choose); NAME_NOT_RESOLVED when the
                name has no address; INVALID_REQUEST when the text is no web address. The words never hold
                an address.
        """
        try:
            target = self._policy.inspect(url)
            found = (target.address,) if target.address is not None else await self._addresses(target.host)
            for address in found:
                self._policy.require(address, target.port)
                if self._own.has(address, target.port):
                    raise BlockedAddressError(Rule.HOST)
        except BlockedAddressError as error:
            raise RenderError(ErrorType.URL_BLOCKED, error.rule.value) from error
        except MalformedAddressError as error:
            raise RenderError(ErrorType.INVALID_REQUEST, str(error)) from error
        return found

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        try:
            found = tuple(await self._resolve(host))
        except OSError as error:
            raise RenderError(
                ErrorType.NAME_NOT_RESOLVED, "The host name has no address. Check its spelling and its DNS."
            ) from error
        if not found:
            raise RenderError(ErrorType.NAME_NOT_RESOLVED, "The host name exists but has no address.")
        return found
