"""Which network addresses may be rendered (pure: nothing here opens a socket or asks a name server)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Self

from pydantic_core import Url

from fleet.egress.hosts import HostPatterns, without_brackets
from fleet.egress.networks import Opening, split_denials, split_network
from fleet.egress.public_addresses import Address, is_private_name, is_public
from fleet.egress.settings import EgressSettings

DEFAULT_PORTS: Final = (80, 443)
DEFAULT_PROXY_PORTS: Final = (80, 443, 1080, 3128, 8080, 8888)
# The standard lets more through, and there the parser and Chromium part: `*` stays here, becomes %2A there.
_HOST_NAME: Final = re.compile(r"[a-z0-9._-]+")


class Rule(StrEnum):
    """Why an address may not be rendered. The value is what the caller reads, so it names no address."""

    SCHEME = "Only http and https addresses are rendered."
    CREDENTIALS = "The address carries a user name or a password. Leave them out: addresses end up in logs."
    HOST = "The host is not public. Whoever runs this service can open an address with EGRESS_ALLOW."
    PORT = "The port is not open to renders. Whoever runs this service can open it with EGRESS_PORTS."
    DENIED = "The host is on the list of those that this service does not open."


class BlockedAddressError(ValueError):
    """An address may not be rendered; the message is the rule's and never holds a resolved address."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.value)
        self.rule = rule


class MalformedAddressError(ValueError):
    """A text is no web address at all, so that no rule can be asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """A web address taken apart as the browser does it.

    Attributes:
        url: the normalised form, in ASCII. Parsing it again gives the same target.
        host: a name in lower case as it was written (a final dot stays), or an address without brackets.
        port: the written port, or the scheme's own.
        address: the host as an address; None when it is a name that somebody has to resolve.
    """

    url: str
    host: str
    port: int
    address: Address | None


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be rendered: public addresses on `ports` and what `allow` adds, without what is denied.

    Attributes:
        allow: networks that are reachable besides the public internet, each on one port or (None) on all.
            As long as there is one, private names such as `localhost` are not refused by their spelling: the
            addresses that they resolve to decide, and all of them must be permitted.
        ports: ports at which public addresses are reachable.
        deny: networks that are not reachable, each on one port or (None) on all, whatever allows them.
        denied_hosts: hosts that are not reachable, whatever they resolve to.
        proxy_ports: ports at which a tenant's own proxy may listen at a public address.
    """

    allow: tuple[Opening, ...] = ()
    ports: tuple[int, ...] = DEFAULT_PORTS
    deny: tuple[Opening, ...] = ()
    denied_hosts: HostPatterns = HostPatterns()  # noqa: RUF009 - it cannot be changed
    proxy_ports: tuple[int, ...] = DEFAULT_PROXY_PORTS

    @classmethod
    def from_settings(cls, settings: EgressSettings) -> Self:
        """The policy that the operator has set."""
        deny, denied_hosts = settings.egress_denials
        return cls(
            allow=settings.egress_networks,
            ports=settings.egress_ports,
            deny=deny,
            denied_hosts=denied_hosts,
            proxy_ports=settings.egress_proxy_ports,
        )

    def for_tenant(self, allow: Iterable[str], deny: Iterable[str]) -> Self:
        """This policy with what the operator has set for one tenant, in the words of the settings.

        Raises:
            ValueError: an entry cannot be read.
        """
        networks, hosts = split_denials(deny)
        return replace(
            self,
            allow=(*self.allow, *map(split_network, allow)),
            deny=(*self.deny, *networks),
            denied_hosts=self.denied_hosts | hosts,
        )

    def of_proxies(self) -> Self:
        """What holds for the proxies of tenants: the same addresses, at the ports where proxies listen."""
        return replace(self, ports=self.proxy_ports)

    def with_proxies(self) -> Self:
        """What holds for pages and for the proxies of tenants together."""
        return replace(self, ports=tuple(sorted({*self.ports, *self.proxy_ports})))

    def permits(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port may be opened. The one decision that counts."""
        if self._denies(address, port):
            return False
        if is_public(address) and port in self.ports:
            return True
        return any(address in network and open_port in (None, port) for network, open_port in self.allow)

    def _denies(self, address: Address, port: int) -> bool:
        return any(address in network and shut_port in (None, port) for network, shut_port in self.deny)

    def permits_port(self, port: int) -> bool:
        """Whether there can be any address that is permitted at this port."""
        return port in self.ports or any(open_port in (None, port) for _, open_port in self.allow)

    def require(self, address: Address, port: int) -> None:
        """Do nothing for a permitted address and port.

        Raises:
            BlockedAddressError: otherwise.
        """
        if self._denies(address, port):
            raise BlockedAddressError(Rule.DENIED)
        if not self.permits(address, port):
            raise BlockedAddressError(Rule.PORT if is_public(address) else Rule.HOST)

    def inspect(self, url: str) -> Target:
        r"""Take a web address apart and judge all that can be judged without asking a name server.

        The parser is the `url` crate inside pydantic, which follows the WHATWG standard as Chromium does, so
        that both mean the same host. Python's `urlsplit` reads `http://127.0.0.1\@example.com/` as
        example.com; the browser goes to 127.0.0.1.

        Raises:
            MalformedAddressError: the text is no web address.
            BlockedAddressError: the address may not be rendered.
        """
        target = _parse(url)
        if target.host in self.denied_hosts:
            raise BlockedAddressError(Rule.DENIED)
        if target.address is not None:
            self.require(target.address, target.port)
        elif is_private_name(target.host) and not self.allow:
            raise BlockedAddressError(Rule.HOST)
        elif not self.permits_port(target.port):
            raise BlockedAddressError(Rule.PORT)
        return target

    def check_url(self, url: str) -> str:
        """Judge a web address like `inspect` and return its normalised form.

        Raises:
            MalformedAddressError: the text is no web address.
            BlockedAddressError: the address may not be rendered.
        """
        return self.inspect(url).url


def _parse(url: str) -> Target:
    try:
        parsed = Url(url)
    except ValueError:
        # The parser's own message quotes the input, which may hold secrets.
        raise MalformedAddressError(
            "This is no web address. Give it whole, such as https://example.com/page."
        ) from None
    if parsed.scheme not in {"http", "https"}:
        raise BlockedAddressError(Rule.SCHEME)
    if parsed.username or parsed.password:
        raise BlockedAddressError(Rule.CREDENTIALS)
    # The parser allows neither to be missing for these two schemes.
    host, port = without_brackets(parsed.host or ""), parsed.port or 0
    address: Address | None
    try:
        address = ip_address(host)  # the parser has already turned every spelling into the plain one
    except ValueError:
        address = None
        if not _HOST_NAME.fullmatch(host):
            raise MalformedAddressError("The host is no name that a domain can have.") from None
    return Target(url=str(parsed), host=host, port=port, address=address)
