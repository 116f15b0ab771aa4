"""The way through a tenant's own proxy: to it, and on to the target, with refusals that name the proxy."""

import asyncio

from fleet.egress.hosts import authority
from fleet.egress.policy import AddressPolicy, BlockedAddressError, MalformedAddressError, Target
from worker.egress.outbound import tenant_proxy
from worker.egress.outbound.route import Route
from worker.egress.outbound.stream import Stream
from worker.egress.refusal import RefusalError
from worker.egress.terms import Upstream
from worker.egress.verdicts import ConnectionOutcome, Verdict


async def connect(route: Route, proxy: Upstream, policy: AddressPolicy) -> Stream:
    """Connect to a tenant's proxy.

    Args:
        route: how this worker reaches the network.
        proxy: the tenant's.
        policy: of the tenant's pages; the one for proxies follows from it.

    Raises:
        RefusalError: the proxy's address is not allowed or cannot be read, or nobody answers there.
    """
    policy = policy.of_proxies()
    try:
        target = policy.inspect(f"http://{authority(proxy.host, proxy.port)}/")
        return await route.open(target, policy)
    except BlockedAddressError as error:
        raise RefusalError(Verdict(ConnectionOutcome.PROXY_FAILED, error.rule)) from None
    except MalformedAddressError:
        raise RefusalError(
            Verdict(ConnectionOutcome.PROXY_FAILED, detail="The address of the proxy cannot be read.")
        ) from None
    except RefusalError as refusal:
        raise RefusalError(_of_proxy(refusal.verdict)) from None


async def enter(stream: Stream, proxy: Upstream, target: Target, *, within_s: float) -> None:
    """Have a tenant's proxy connect to the target: from then on the stream is a connection to that.

    Raises:
        RefusalError: the proxy refuses, or has not answered within so many seconds.
    """
    try:
        async with asyncio.timeout(within_s):
            await tenant_proxy.enter(stream, proxy, target)
    except TimeoutError:
        raise RefusalError(
            Verdict(ConnectionOutcome.PROXY_FAILED, detail="The proxy does not answer.")
        ) from None


def _of_proxy(verdict: Verdict) -> Verdict:
    """The verdict of a target, when connecting to the tenant's proxy had this verdict."""
    details = {
        ConnectionOutcome.BLOCKED: "",  # the rule is explanation enough
        ConnectionOutcome.NOT_RESOLVED: "The host name of the proxy has no address.",
        ConnectionOutcome.FAILED: "The proxy cannot be reached.",
        ConnectionOutcome.TIMED_OUT: "The proxy does not answer.",
    }
    if verdict.outcome not in details:
        return verdict
    return Verdict(ConnectionOutcome.PROXY_FAILED, verdict.rule, details[verdict.outcome])
