"""`python -m worker.egress`: the egress service, until SIGTERM or SIGINT."""

import asyncio
import resource
import signal
import sys

import uvloop

from fleet.egress.policy import AddressPolicy
from fleet.egress.settings import EgressSettings
from fleet.settings import SettingsError, load_settings
from fleet.telemetry.logs import LogSettings, configure_logs, get_logger
from worker.egress.outbound.resolver import SystemResolver
from worker.egress.service_port import LOOKUPS, ServicePort
from worker.settings import EgressProxySettings, EgressResolverSettings, EgressServiceSettings

log = get_logger("worker.egress")  # not `__main__`, as it is run


async def _serve() -> None:
    settings = load_settings(EgressServiceSettings)
    timeout_s = load_settings(EgressResolverSettings).egress_resolve_timeout_s
    port = ServicePort(
        SystemResolver(timeout_s=timeout_s, threads=LOOKUPS),
        AddressPolicy.from_settings(load_settings(EgressSettings)).with_proxies(),
        load_settings(EgressProxySettings),
        settings,
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await port.start()
    except OSError as error:
        raise SettingsError(
            f"renderfleet: cannot listen at RENDERFLEET_EGRESS_SERVICE_HOST {settings.egress_service_host}, "
            f"RENDERFLEET_EGRESS_SERVICE_PORT {settings.egress_service_port}: {error}."
        ) from error
    log.info("egress service ready", host=settings.egress_service_host, port=port.number)
    await stopping.wait()
    await port.close()
    log.info("egress service stopped")


def main() -> int:
    """Run; returns the exit code."""
    configure_logs(load_settings(LogSettings))
    # Each connection needs two descriptors. Use all that the hard limit allows: the soft limit is often low,
    # for programs with select(2).
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
