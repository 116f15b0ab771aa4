"""The egress proxy of a worker. It opens a port for each page, and one port that refuses everything.

It connects only to the addresses that it has checked: a name is not resolved again afterwards.
"""

from collections.abc import Iterable
from typing import Final

from worker.egress.outbound.dial import Dialer, dial
from worker.egress.outbound.name_cache import NameCache
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.resolver import Resolver
from worker.egress.outbound.route import DirectRoute, Route
from worker.egress.outbound.service_client import ServiceAddress, ServiceRoute
from worker.egress.port import Port
from worker.settings import EgressProxySettings

LOOPBACK: Final = "127.0.0.1"


class Egress:
    """The egress proxy of one worker, in one event loop.

    Attributes:
        refusing_port: a port that refuses everything, for requests that no page makes.
    """

    def __init__(
        self,
        resolver: Resolver,
        settings: EgressProxySettings,
        *,
        forbidden_ports: Iterable[int] = (),
        dialer: Dialer = dial,
    ) -> None:
        """Open nothing yet.

        Args:
            resolver: looks up names, within a time limit.
            settings: caps and time limits.
            forbidden_ports: ports of the worker itself, which no page may reach on this machine even if the
                policy allows it. The browsers' debugging ports and the proxy's own ports are always such.
            dialer: connects to an address.
        """
        self._resolver = resolver
        self._settings = settings
        self._own = OwnPorts(forbidden_ports)
        self._dialer = dialer
        url = settings.egress_service_url
        self._service = None if url is None else ServiceAddress.parse(url.get_secret_value())
        self._ports: set[Port] = set()
        self.refusing_port = 0

    async def start(self) -> None:
        """Open the port that refuses everything.

        Raises:
            OSError: no port is free.
        """
        self.refusing_port = (await self.open_port()).number

    async def open_port(self) -> Port:
        """Open a port, which refuses everything until `Port.admit`. The caller has to close it.

        Raises:
            OSError: no port is free.
        """
        port = Port(self._route(), self._settings, self._own, on_closed=self._ports.discard)
        await port.listen(LOOPBACK)
        self._ports.add(port)
        return port

    async def stop(self) -> None:
        """Close all ports."""
        for port in tuple(self._ports):
            await port.close()

    def _route(self) -> Route:
        timeout_s = self._settings.egress_connect_timeout_s
        if self._service is not None:
            return ServiceRoute(self._service, self._own, timeout_s=timeout_s)
        return DirectRoute(NameCache(self._resolver), self._own, self._dialer, timeout_s=timeout_s)
