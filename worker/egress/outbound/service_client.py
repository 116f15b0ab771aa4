"""The route through the egress service, for a worker that cannot reach the internet itself."""

import asyncio
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Self

from fleet.egress.policy import AddressPolicy, Target
from fleet.telemetry.logs import get_logger
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.route import require_allowed
from worker.egress.outbound.stream import Stream, StreamEndedError
from worker.egress.outbound.tenant_proxy import basic, connect
from worker.egress.refusal import RefusalError, read_status
from worker.egress.verdicts import ConnectionOutcome, Verdict
from worker.settings import SERVICE_URL

# Requests of one page to the service at once. The service resolves the names for all pages of all workers,
# and a page with slow names must not use all of its threads.
MAX_REQUESTS_OF_PAGE: Final = 16
# Longer than the service's own time limits for resolving and connecting.
_ANSWER_TIMEOUT_S: Final = 60.0
_PROXY_STATUS: Final = re.compile(rb"\r\nproxy-status:[ \t]*([\x20-\x7e]*)\r\n", re.IGNORECASE)
_NEXT_HOP: Final = re.compile(r'next-hop="([0-9A-Fa-f.:]+)"')
_ESTABLISHED: Final = 200

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where the service is.

    Attributes:
        host: a name or an address. The system resolves it without checks, because the operator chose it.
        port: the port that it listens at.
        credentials: the value of Proxy-Authorization.
    """

    host: str
    port: int
    credentials: bytes = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `EGRESS_SERVICE_URL`, which its settings have checked."""
        found = SERVICE_URL.fullmatch(url)
        assert found is not None, "the settings have checked it"  # noqa: S101
        return cls(found["ipv6"] or found["host"], int(found["port"]), basic("", found["token"]))


class ServiceRoute:
    """Lets the service resolve, check and connect. The address that it reports is checked here again."""

    def __init__(self, service: ServiceAddress, own: OwnPorts, *, timeout_s: float) -> None:
        self._service = service
        self._own = own
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(MAX_REQUESTS_OF_PAGE)

    async def open(self, target: Target, policy: AddressPolicy) -> Stream:
        """See `routes.Route`."""
        async with self._turns:
            return await self._open(target, policy)

    async def _open(self, target: Target, policy: AddressPolicy) -> Stream:
        stream = await self._connect()
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                status, head = await connect(stream, target, self._service.credentials)
            found = _PROXY_STATUS.search(head)
            words = found[1].decode() if found is not None else ""
            if status != _ESTABLISHED:
                raise RefusalError(self._refused(words, status))
            self._require_allowed_hop(words, target, policy)
        except (StreamEndedError, TimeoutError):
            stream.transport.abort()
            log.error("the egress service does not answer")  # noqa: TRY400 - it says nothing more
            raise RefusalError(Verdict(ConnectionOutcome.UNAVAILABLE)) from None
        except BaseException:
            stream.transport.abort()
            raise
        return stream

    def close(self) -> None:
        """See `routes.Route`."""

    async def _connect(self) -> Stream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                _, stream = await loop.create_connection(Stream, self._service.host, self._service.port)
        except OSError as error:
            log.error("the egress service cannot be reached", error=repr(error))  # noqa: TRY400 - the same
            raise RefusalError(Verdict(ConnectionOutcome.UNAVAILABLE)) from None
        return stream

    def _require_allowed_hop(self, words: str, target: Target, policy: AddressPolicy) -> None:
        """Check the reported address by the terms of the job, which may allow less than the service."""
        found = _NEXT_HOP.search(words)
        if found is None:
            log.error("the egress service does not report the address that it has connected to")
            raise RefusalError(Verdict(ConnectionOutcome.UNAVAILABLE))
        require_allowed((ip_address(found[1]),), target.port, policy, self._own)

    def _refused(self, words: str, status: int) -> Verdict:
        verdict = read_status(words)
        if verdict.outcome is ConnectionOutcome.UNAVAILABLE:
            log.error("the egress service refuses: does it know the token?", status=status)
        return verdict
