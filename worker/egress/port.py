"""One listening port of the egress proxy. Each page has its own, which is its only way to the network.

The port refuses every connection until it is admitted with the terms of a job. What may be reached is decided
here and nowhere else, for each connection: the browser names a host, the terms are checked, the name is
resolved once, all its addresses are checked, and the proxy connects to one of them
(docs/adr/0008-the-egress-proxy.md).
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Final

from fleet.egress.hosts import without_brackets
from fleet.egress.policy import BlockedAddressError, MalformedAddressError, Rule, Target
from fleet.render.options.identity import ProxyScheme
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import EGRESS_BLOCKED, EGRESS_BYTES, EGRESS_CONNECTIONS
from worker.egress.inbound.body_watch import Bodies
from worker.egress.inbound.connection import ProxiedConnection, TargetConnection
from worker.egress.inbound.request_head import Request
from worker.egress.inbound.response_head import content_of
from worker.egress.outbound import tenant_proxy, upstream
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.route import Route
from worker.egress.outbound.stream import Stream
from worker.egress.own_site.site import OwnAnswer
from worker.egress.refusal import RefusalError
from worker.egress.terms import Terms, Upstream
from worker.egress.verdicts import UNREADABLE, Cap, ConnectionOutcome, PortRecord, Verdict
from worker.settings import EgressProxySettings

_BACKLOG: Final = 128
_CHECK_INTERVAL_S: Final = 0.5
# This many connections above the cap are refused with an answer. Further ones are cut without an answer.
_MAX_REFUSED_AT_ONCE: Final = 64
# Most log lines about blocked hosts, for each page: a page may try thousands.
_MAX_LOG_LINES: Final = 20
# This many checked targets are remembered for each page. Further ones are checked each time.
_MAX_TARGETS: Final = 100
# What metrics and log lines name as the rule if an option of the job itself blocks the target, and no rule
# of the operator.
_UNWANTED: Final = "block_requests"
# Made once, because `labels` takes longer than the counting itself.
_COUNTERS: Final = {outcome: EGRESS_CONNECTIONS.labels(outcome.value) for outcome in ConnectionOutcome}

log = get_logger(__name__)


class Port:
    """One listening port and the connections that came in at it.

    Attributes:
        number: where it listens.
        record: what became of its connections.
        bodies: the compressed bodies that came over plain http.
        idle_timeout_s: how long a connection may be silent.
        passed_at: when bytes last passed in either direction, by the loop's clock.
    """

    def __init__(
        self,
        route: Route,
        settings: EgressProxySettings,
        own_ports: OwnPorts,
        *,
        on_closed: Callable[["Port"], None],
    ) -> None:
        self.number = 0
        self.record = PortRecord()
        self.bodies = Bodies()
        self.passed_at = 0.0
        self.idle_timeout_s = settings.egress_idle_timeout_s
        self._handshake_s = settings.egress_connect_timeout_s
        self._route = route
        self._own_ports = own_ports
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._terms: Terms | None = None
        self._targets: dict[str, Target] = {}
        self._admitted_until = 0.0
        self._log_context = contextvars.copy_context()
        self._log_lines = 0
        self._reported_bytes = (0, 0)  # up and down; the metrics contain these already
        self._connections: set[ProxiedConnection] = set()
        self._server: asyncio.Server | None = None
        self._check_timer: asyncio.TimerHandle | None = None
        self._all_ended: asyncio.Future[None] | None = None

    async def listen(self, host: str, number: int = 0) -> None:
        """Listen at an address of this machine. With `number` 0, the kernel chooses the port.

        Raises:
            OSError: the port is in use, or no port or no file descriptor is free.
        """
        opening = self._loop.create_task(
            self._loop.create_server(lambda: ProxiedConnection(self), host, number, backlog=_BACKLOG)
        )
        try:
            self._server = await asyncio.shield(opening)
        except asyncio.CancelledError:
            (await opening).close()  # it listens already, and asyncio's own loop would leave its socket open
            raise
        self.number = self._server.sockets[0].getsockname()[1]
        self._own_ports.add(self.number)

    def admit(self, terms: Terms) -> None:
        """Allow from now on what these terms allow. Log lines get the ids that are bound in this context."""
        self._terms = terms
        self._targets.clear()
        self._admitted_until = self._loop.time() + terms.caps.max_s
        self._log_context = contextvars.copy_context()

    def verdict(self, host: str, port: int) -> Verdict | None:
        """The verdict of the last connection to a target; None: the page has not asked for this target.

        Args:
            host: the host of a parsed URL; an IPv6 address with or without brackets.
            port: the port of the URL, or the default port of its scheme.
        """
        return self.record.verdicts.get((_normalised(host), port))

    @property
    def is_offline(self) -> bool:
        """Whether it lets nothing out, because the page is replayed."""
        return self._terms is not None and self._terms.is_offline

    def has_reached(self, host: str, port: int) -> bool:
        """Whether a connection to a target was ever made. The arguments are those of `verdict`."""
        return (_normalised(host), port) in self.record.reached

    def open_requests(self) -> list[str]:
        """URLs of plain HTTP requests whose answers have not ended. Requests in tunnels cannot be seen."""
        return [connection.url for connection in self._connections if connection.url]

    def has_tunnels(self) -> bool:
        """Whether a tunnel is open. Whether requests are under way in it cannot be seen."""
        return any(connection.is_tunnel for connection in self._connections)

    def has_waiting_tunnels(self) -> bool:
        """Whether in some tunnel the last bytes looked like a request. Then an answer may still come."""
        return any(connection.is_tunnel and connection.awaits_answer for connection in self._connections)

    async def close(self) -> None:
        """Stop listening and end every connection. Returns when all of them have ended."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._terms = None
        self._own_ports.remove(self.number)  # first: the kernel may give the number to another page at once
        server.close()
        try:
            self._cut_all()
            self._route.close()
            if self._connections:
                self._all_ended = self._loop.create_future()
                await self._all_ended
            await server.wait_closed()
        finally:
            if self._check_timer is not None:
                self._check_timer.cancel()
            self._report_bytes()
            self._on_closed(self)

    # The methods that connections call (`connection.InboundPort`).

    def began(self, connection: ProxiedConnection) -> bool:
        """See `connection.InboundPort`."""
        self._connections.add(connection)
        if self._check_timer is None:
            self._check_timer = self._loop.call_later(_CHECK_INTERVAL_S, self._check_all)
        allowed = self._terms.caps.max_open if self._terms is not None else 0
        return self._server is not None and len(self._connections) <= allowed + _MAX_REFUSED_AT_ONCE

    def ended(self, connection: ProxiedConnection) -> None:
        """See `connection.InboundPort`."""
        self._connections.discard(connection)
        if self._all_ended is not None and not self._connections and not self._all_ended.done():
            self._all_ended.set_result(None)

    def spend(self, *, up: int = 0, down: int = 0) -> bool:
        """See `connection.InboundPort`."""
        record, terms = self.record, self._terms
        self.passed_at = self._loop.time()
        record.bytes_up += up
        record.bytes_down += down
        if terms is None or record.bytes_up + record.bytes_down > terms.caps.max_bytes:
            if terms is not None:
                self._exceeded(Cap.BYTES)
            self._cut_all()
            return False
        return True

    def note(self, request: Request | None, verdict: Verdict) -> None:
        """See `connection.InboundPort`."""
        _COUNTERS[verdict.outcome].inc()
        if request is None:
            self.record.note(*UNREADABLE, verdict)
            return
        host = _normalised(request.host)
        is_new = self.record.note(host, request.port, verdict, is_tunnel=request.is_tunnel)
        if not verdict.is_block:
            return
        rule = verdict.rule.name.lower() if verdict.rule is not None else _UNWANTED
        EGRESS_BLOCKED.labels(rule).inc()
        if is_new and self._log_lines < _MAX_LOG_LINES:
            self._log_lines += 1
            self._log_context.run(
                log.info, "a connection was blocked", host=host, port=request.port, rule=rule
            )

    def own_answer(self, request: Request) -> OwnAnswer | None:
        """See `connection.InboundPort`."""
        site = self._terms.own_site if self._terms is not None else None
        if site is None or request.is_tunnel or (_normalised(request.host), request.port) != (site.host, 80):
            return None
        self.passed_at = self._loop.time()
        return site.answer(request.method, request.target, request.fields)

    async def open(self, request: Request) -> TargetConnection:
        """See `connection.InboundPort`."""
        terms = self._terms
        if terms is not None and terms.is_offline:
            raise RefusalError(Verdict(ConnectionOutcome.OFFLINE))
        if terms is None:
            raise RefusalError(Verdict(ConnectionOutcome.NOT_ADMITTED))
        self._require_within_caps(terms)
        target = self._targets.get(request.address) or self._checked_target(request.address, terms)
        if terms.unwanted is not None:
            why = terms.unwanted.refusal(target.host, request.url, request.accept)
            if why is not None:
                raise RefusalError(Verdict(ConnectionOutcome.UNWANTED, detail=why))
            if request.is_tunnel:
                await terms.unwanted.tunnel_opens()
        if terms.upstream is None:
            stream = await self._route.open(target, terms.policy)
            return TargetConnection(stream, b"" if request.is_tunnel else request.head_for_target())
        stream = await upstream.connect(self._route, terms.upstream, terms.policy)
        try:
            return await self._through_upstream(stream, terms.upstream, request, target)
        except BaseException:
            stream.transport.abort()
            raise

    def verdict_on_answer(self, request: Request, head: bytes) -> Verdict | None:
        """See `connection.InboundPort`."""
        terms = self._terms
        if terms is None or terms.unwanted is None:
            return None
        why = terms.unwanted.refusal_of_answer(request.url, request.accept, *content_of(head))
        return None if why is None else Verdict(ConnectionOutcome.UNWANTED, detail=why)

    def _checked_target(self, address: str, terms: Terms) -> Target:
        """Check an address as far as possible without resolving its name, and remember it if it is allowed.

        Raises:
            RefusalError: the terms do not allow it.
        """
        try:
            target = terms.policy.inspect(address)
        except BlockedAddressError as error:
            raise RefusalError(Verdict(ConnectionOutcome.BLOCKED, error.rule)) from None
        except MalformedAddressError:
            raise RefusalError(Verdict(ConnectionOutcome.MALFORMED)) from None
        if target.address is not None and self._own_ports.has(target.address, target.port):
            # Not even a tenant's proxy is asked to connect to it.
            raise RefusalError(Verdict(ConnectionOutcome.BLOCKED, Rule.HOST))
        if len(self._targets) < _MAX_TARGETS:
            self._targets[address] = target
        return target

    async def _through_upstream(
        self, stream: Stream, proxy: Upstream, request: Request, target: Target
    ) -> TargetConnection:
        if proxy.scheme is ProxyScheme.HTTP and not request.is_tunnel:
            credentials = tenant_proxy.basic(proxy.username, proxy.password)
            return TargetConnection(stream, request.head_for_proxy(credentials), is_proxy=True)
        await upstream.enter(stream, proxy, target, within_s=self._handshake_s)
        return TargetConnection(stream, b"" if request.is_tunnel else request.head_for_target())

    def _require_within_caps(self, terms: Terms) -> None:
        self.record.connections += 1
        caps = terms.caps
        if self._loop.time() >= self._admitted_until:
            cap = Cap.TIME
        elif self.record.connections > caps.max_connections:
            cap = Cap.CONNECTIONS
        elif len(self._connections) > caps.max_open:
            cap = Cap.OPEN_CONNECTIONS
        elif self.record.bytes_total > caps.max_bytes:
            cap = Cap.BYTES
        else:
            return
        self._exceeded(cap)
        raise RefusalError(Verdict(ConnectionOutcome.OVER_CAP))

    def _exceeded(self, cap: Cap) -> None:
        self.record.capped[cap] += 1
        if self.record.capped[cap] == 1:
            self._log_context.run(log.warning, "a page has reached a cap of the network", cap=cap.value)

    def _check_all(self) -> None:
        self._check_timer = None
        now = self._loop.time()
        if self._terms is not None and now >= self._admitted_until and self._connections:
            self._exceeded(Cap.TIME)
            self._cut_all()
        for connection in tuple(self._connections):
            connection.check_silence(now)
        self._report_bytes()
        if self._connections:
            self._check_timer = self._loop.call_later(_CHECK_INTERVAL_S, self._check_all)

    def _report_bytes(self) -> None:
        up, down = self.record.bytes_up, self.record.bytes_down
        EGRESS_BYTES.labels("up").inc(up - self._reported_bytes[0])
        EGRESS_BYTES.labels("down").inc(down - self._reported_bytes[1])
        self._reported_bytes = (up, down)

    def _cut_all(self) -> None:
        for connection in tuple(self._connections):
            connection.cut()


def _normalised(host: str) -> str:
    return without_brackets(host).lower()
