"""Settings for the addresses that renders and webhooks may reach."""

from pydantic import Field, field_validator

from fleet.egress.hosts import HostPatterns
from fleet.egress.networks import NetworkPort, split_denials, split_network
from fleet.settings import FleetSettings, Ports, Words


class EgressSettings(FleetSettings):
    """Which addresses outside the public internet may be reached, and which inside may not."""

    egress_allow: Words = Field(
        default=(),
        description=(
            "Addresses and networks that may be reached besides the public internet, with or without "
            "a port: `127.0.0.1:8099,10.1.0.0/16,[fd00::1]:80`. Without a port, all ports are open. "
            "If this is set, names such as `localhost` are judged by the addresses that they resolve "
            "to; otherwise they are refused."
        ),
    )
    egress_ports: Ports = Field(
        default=(80, 443),
        min_length=1,
        description="Ports that may be reached at public addresses, such as `80,443,8443`.",
    )
    egress_deny: Words = Field(
        default=(),
        description=(
            "Addresses and networks, with or without a port, and hosts that may not be reached, even "
            "if something else allows them: `192.0.2.0/24,tracker.example.com,*.ads.example.com`."
        ),
    )
    egress_proxy_ports: Ports = Field(
        default=(80, 443, 1080, 3128, 8080, 8888),
        min_length=1,
        description="Ports that a tenant's own proxy (`proxy.server`) may have at a public address.",
    )

    @field_validator("egress_allow")
    @classmethod
    def _entries_are_networks(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            split_network(entry)
        return entries

    @field_validator("egress_deny")
    @classmethod
    def _entries_are_networks_or_hosts(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        split_denials(entries)
        return entries

    @property
    def egress_networks(self) -> tuple[NetworkPort, ...]:
        """The entries of `egress_allow`, for `fleet.egress.policy.AddressPolicy`."""
        return tuple(split_network(entry) for entry in self.egress_allow)

    @property
    def egress_denials(self) -> tuple[tuple[NetworkPort, ...], HostPatterns]:
        """Networks and hosts of `egress_deny`, for `fleet.egress.policy.AddressPolicy`."""
        return split_denials(self.egress_deny)
