"""Decides, before a browser navigates, whether a web address may be rendered.

This is the interim check of the foundation. It looks at the page's own address once and does not cover:

- what the page loads afterwards: redirects, sub-resources, frames, WebSockets, WebRTC;
- rebinding: the browser resolves the name again, and its answer may differ from the one seen here.

Both end with the forward proxy that gets its place beside this file (worker/egress/proxy.py): it asks `admit`
for each connection and dials one of the addresses that were checked, so that no second lookup exists.
"""

from collections.abc import Awaitable, Callable, Sequence

from fleet.addresses import Address, AddressPolicy, BlockedAddressError, MalformedAddressError
from fleet.errors import ErrorType, RenderError

# Raises OSError for a name that has no address. SystemResolver is the real one.
Resolver = Callable[[str], Awaitable[Sequence[Address]]]


class Guard:
    """Judges web addresses by a policy and by what their names resolve to."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolve = resolver

    async def check(self, url: str) -> None:
        """Do nothing for a web address that may be rendered.

        Raises:
            RenderError: as `admit` does.
        """
        await self.admit(url)

    async def admit(self, url: str) -> tuple[Address, ...]:
        """Return the addresses behind a web address, all of them permitted; never empty.

        The address is parsed again, whatever was checked when the job was accepted: settings may have changed
        since, and the database is no reason for trust. A name is resolved once.

        Raises:
            RenderError: URL_BLOCKED when the address, or any one address of its name, is not permitted (one
                is enough: which of them a browser takes is not ours to choose); NAME_NOT_RESOLVED when the
                name has no address; INVALID_REQUEST when the text is no web address. The words never hold
                an address.
        """
        try:
            target = self._policy.inspect(url)
            found = (target.address,) if target.address is not None else await self._addresses(target.host)
            for address in found:
                self._policy.require(address, target.port)
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
