"""The port of the egress service: one listener for all workers that cannot reach the internet themselves.

A worker first applies the terms and caps of its job, as it does without the service. Then it asks this port
for the connection, with a token. The service checks the target by its own settings, resolves the name,
connects, and reports the address that it has connected to (`next-hop`, RFC 9209).
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
from worker.egress.outbound.name_cache import NameCache
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.resolver import Resolver
from worker.egress.outbound.route import DirectRoute
from worker.egress.outbound.tenant_proxy import basic
from worker.egress.port import Port
from worker.egress.refusal import RefusalError
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import ConnectionOutcome, Verdict
from worker.settings import EgressProxySettings, EgressServiceSettings

# Look-ups at once, for all workers together: eight times as many as for one page (AT_ONCE,
# service_client.py).
LOOKUPS: Final = 128
_CAPS: Final = Caps(max_bytes=sys.maxsize, max_connections=sys.maxsize, max_open=4_000, max_s=math.inf)


class ServicePort(Port):
    """The listening port of the service. It accepts only CONNECT, and only with the token."""

    def __init__(
        self,
        resolver: Resolver,
        policy: AddressPolicy,
        proxy: EgressProxySettings,
        service: EgressServiceSettings,
        *,
        dialer: Dialer = dial,
    ) -> None:
        """Do not listen yet.

        Args:
            resolver: looks up names, within a time limit.
            policy: which addresses may be reached.
            proxy: time limits of the proxy.
            service: where to listen, and the token.
            dialer: connects to an address.
        """
        own = OwnPorts()
        names = NameCache(resolver, lookups=LOOKUPS)
        route = DirectRoute(names, own, dialer, timeout_s=proxy.egress_connect_timeout_s)
        super().__init__(route, proxy, own, on_closed=lambda _: None)
        self._service = service
        self._credentials = basic("", service.egress_service_token.get_secret_value())
        self.admit(Terms(policy, caps=_CAPS))

    async def start(self) -> None:
        """Listen where the settings say.

        Raises:
            OSError: the address is in use, or is not an address of this machine.
        """
        await self.listen(self._service.egress_service_host, self._service.egress_service_port)

    async def open(self, request: Request) -> TargetConnection:
        """See `connection.InboundPort`."""
        if not hmac.compare_digest(request.credentials, self._credentials) or not request.is_tunnel:
            raise RefusalError(Verdict(ConnectionOutcome.NOT_ADMITTED))
        opened = await super().open(request)
        return replace(opened, next_hop=str(opened.stream.address))
