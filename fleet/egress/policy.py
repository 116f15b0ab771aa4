"""Decides which network addresses may be reached (pure: it opens no socket and asks no name server)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Self

from pydantic_core import Url

from fleet.egress.hosts import HostPatterns, without_brackets
from fleet.egress.networks import NetworkPort, split_denials, split_network
from fleet.egress.public_addresses import Address, is_private_name, is_public
from fleet.egress.settings import EgressSettings

DEFAULT_PORTS: Final = (80, 443)
DEFAULT_PROXY_PORTS: Final = (80, 443, 1080, 3128, 8080, 8888)
# The WHATWG standard allows more characters. For those the parser and Chromium differ: the parser keeps `*`,
# Chromium makes it %2A.
_HOST_NAME: Final = re.compile(r"[a-z0-9._-]+")


class Rule(StrEnum):
    """Why an address is not allowed. Callers read the value, so it contains no address."""

    SCHEME = "Only http and https addresses are allowed."
    CREDENTIALS = "The address has a user name or a password. Leave them out: addresses appear in logs."
    HOST = "The host is not public. The operator of this service can allow an address with EGRESS_ALLOW."
    PORT = "The port is not open. The operator of this service can open it with EGRESS_PORTS."
    DENIED = "The host is on this service's list of hosts that may not be reached."


class BlockedAddressError(ValueError):
    """An address is not allowed. The message is the rule's; it never contains a resolved address."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.value)
        self.rule = rule


class MalformedAddressError(ValueError):
    """A text is not a web address, so no rule can be applied to it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A web address, parsed as the browser parses it.

    Attributes:
        url: the normalised form, in ASCII. Parsing it again gives the same target.
        host: a name in lower case (a final dot is kept), or an IP address without brackets.
        port: the port in the address, or the default port of its scheme.
        address: the host as an IP address; None when it is a name that has to be resolved.
    """

    url: str
    host: str
    port: int
    address: Address | None


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The addresses that may be reached: public ones at `ports` and those of `allow`, except denied ones.

    Attributes:
        allow: networks that may be reached besides the public internet, each at one port or (None) at all.
            If it is empty, private names such as `localhost` are refused by their spelling. Otherwise they
            are resolved, and all addresses that they resolve to must be permitted.
        ports: ports at which public addresses may be reached.
        deny: networks that may not be reached, each at one port or (None) at all. It overrules `allow`.
        denied_hosts: hosts that may not be reached, whatever addresses they resolve to.
        proxy_ports: ports at which a tenant's own proxy may listen at a public address.
    """

    allow: tuple[NetworkPort, ...] = ()
    ports: tuple[int, ...] = DEFAULT_PORTS
    deny: tuple[NetworkPort, ...] = ()
    denied_hosts: HostPatterns = HostPatterns()  # noqa: RUF009 - it is immutable
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
        """This policy, extended by one tenant's lists; entries are written as in the settings.

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
        """The policy for tenants' proxies: the same addresses, at the ports of proxies."""
        return replace(self, ports=self.proxy_ports)

    def with_proxies(self) -> Self:
        """The policy for pages and tenants' proxies together: the ports of both."""
        return replace(self, ports=tuple(sorted({*self.ports, *self.proxy_ports})))

    def permits(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port may be opened. This check decides."""
        if self._denies(address, port):
            return False
        if is_public(address) and port in self.ports:
            return True
        return any(address in network and open_port in (None, port) for network, open_port in self.allow)

    def _denies(self, address: Address, port: int) -> bool:
        return any(address in network and denied_port in (None, port) for network, denied_port in self.deny)

    def permits_port(self, port: int) -> bool:
        """Whether some address may be reached at this port."""
        return port in self.ports or any(open_port in (None, port) for _, open_port in self.allow)

    def require(self, address: Address, port: int) -> None:
        """Check that this address and port may be reached.

        Raises:
            BlockedAddressError: they may not.
        """
        if self._denies(address, port):
            raise BlockedAddressError(Rule.DENIED)
        if not self.permits(address, port):
            raise BlockedAddressError(Rule.PORT if is_public(address) else Rule.HOST)

    def inspect(self, url: str) -> Target:
        r"""Parse a web address and apply all rules that need no name server.

        The parser is the `url` crate inside pydantic. It follows the WHATWG standard as Chromium does, so
        both find the same host. Python's `urlsplit` finds the host example.com in
        `http://127.0.0.1\@example.com/`, but the browser connects to 127.0.0.1.

        Raises:
            MalformedAddressError: the text is not a web address.
            BlockedAddressError: the address is not allowed.
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
        """Check a web address like `inspect`, and return its normalised form.

        Raises:
            MalformedAddressError: the text is not a web address.
            BlockedAddressError: the address is not allowed.
        """
        return self.inspect(url).url


def _parse(url: str) -> Target:
    try:
        parsed = Url(url)
    except ValueError:
        # The parser's own message quotes the input, which may contain secrets.
        raise MalformedAddressError(
            "This is not a web address. Give a complete one, such as https://example.com/page."
        ) from None
    if parsed.scheme not in {"http", "https"}:
        raise BlockedAddressError(Rule.SCHEME)
    if parsed.username or parsed.password:
        raise BlockedAddressError(Rule.CREDENTIALS)
    # For these two schemes the parser always returns a host and a port.
    host, port = without_brackets(parsed.host or ""), parsed.port or 0
    address: Address | None
    try:
        address = ip_address(host)  # the parser has normalised all spellings, such as 0x7f.1
    except ValueError:
        address = None
        if not _HOST_NAME.fullmatch(host):
            raise MalformedAddressError("The host is not a valid domain name.") from None
    return Target(url=str(parsed), host=host, port=port, address=address)
