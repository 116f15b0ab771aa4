"""The egress service: the same proxy as a process of its own, for workers that reach nothing else themselves.

A worker applies its job's terms and caps as ever and then asks here for the connection, with a token. The
service judges by its own settings, resolves, dials, and tells what it has dialled (`next-hop`, RFC 9209).
"""

import hmac
import math
import sys
from dataclasses import replace
from typing import Final

from fleet.egress.policy import AddressPolicy
from worker.egress.inbound.connection import TargetConnection
from worker.egress.inbound.request_head import Request
from worker.egress.outbound.dial import Dialer, dial
from worker.egress.outbound.name_cache import Names
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.resolver import Resolver
from worker.egress.outbound.route import Straight
from worker.egress.outbound.tenant_proxy import basic
from worker.egress.port import Port
from worker.egress.refusal import RefusalError
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import ConnectionOutcome, Verdict
from worker.settings import EgressProxySettings, EgressServiceSettings

# For all workers together: eight times what one page has at once (through.py).
LOOKUPS: Final = 128
_CAPS: Final = Caps(max_bytes=sys.maxsize, max_connections=sys.maxsize, max_open=4_000, max_s=math.inf)


class ServicePort(Port):
    """The listening port of the service: CONNECT alone, and only for whoever knows the token."""

    def __init__(
        self,
        resolver: Resolver,
        policy: AddressPolicy,
        proxy: EgressProxySettings,
        service: EgressServiceSettings,
        *,
        dialer: Dialer = dial,
    ) -> None:
        """Listen not yet.

        Args:
            resolver: of names, bounded in time.
            policy: which addresses are reachable.
            proxy: how patient to be.
            service: where to listen, and the token.
            dialer: connects.
        """
        own = OwnPorts()
        names = Names(resolver, lookups=LOOKUPS)
        route = Straight(names, own, dialer, timeout_s=proxy.egress_connect_timeout_s)
        super().__init__(route, proxy, own, closed=lambda _: None)
        self._service = service
        self._credentials = basic("", service.egress_service_token.get_secret_value())
        self.admit(Terms(policy, caps=_CAPS))

    async def start(self) -> None:
        """Listen where the settings say.

        Raises:
            OSError: the address is taken, or not this machine's.
        """
        await self.listen(self._service.egress_service_host, self._service.egress_service_port)

    async def open(self, request: Request) -> TargetConnection:
        """See `connection.InboundPort`."""
        if not hmac.compare_digest(request.credentials, self._credentials) or not request.is_tunnel:
            raise RefusalError(Verdict(ConnectionOutcome.NOT_ADMITTED))
        opened = await super().open(request)
        return replace(opened, next_hop=str(opened.stream.address))
