"""`python -m fleet.limits`: a tenant's share of the fleet and how much it may have open."""

import argparse
import asyncio
import sys

import asyncpg

from fleet.database import answering
from fleet.errors import UnavailableError
from fleet.settings import DatabaseSettings, load_settings
from fleet.tenants import set_limits

_MIN_WEIGHT, _MAX_WEIGHT = 0.01, 100.0


def _weight(text: str) -> float:
    weight = float(text)
    if not _MIN_WEIGHT <= weight <= _MAX_WEIGHT:
        raise argparse.ArgumentTypeError(f"{text}: a weight is from {_MIN_WEIGHT} to {_MAX_WEIGHT:g}")
    return weight


def _count(text: str, *, least: int) -> int | None:
    if text == "default":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from {least}, or `default`")
    return int(text)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fleet.limits",
        description="Limits of one tenant. What is not given stays as it is; the API follows within seconds.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--tenant", required=True, help="name of the tenant")
    parser.add_argument("--weight", type=_weight, help="share of a busy fleet; 1 is usual")
    parser.add_argument(
        "--max-queued",
        type=lambda text: _count(text, least=0),
        help="queued jobs it may have; more are refused. `default` takes RENDERFLEET_TENANT_MAX_QUEUED",
    )
    parser.add_argument(
        "--max-running",
        type=lambda text: _count(text, least=1),
        help="its jobs that run at once; more wait. `default` takes RENDERFLEET_TENANT_MAX_RUNNING",
    )
    arguments = parser.parse_args(words)
    if len(vars(arguments)) == 1:
        parser.error("give at least one of --weight, --max-queued and --max-running")
    return arguments


async def _set(tenant: str, limits: dict[str, float | None], settings: DatabaseSettings) -> bool:
    async with answering():
        connection = await asyncpg.connect(settings.database_url, timeout=settings.database_timeout_s)
    try:
        return await set_limits(connection, tenant_name=tenant, limits=limits)
    finally:
        await connection.close()


def main(words: list[str]) -> int:
    """Change the limits; returns the exit code."""
    limits = vars(_arguments(words))
    tenant = limits.pop("tenant")
    try:
        is_known = asyncio.run(_set(tenant, limits, load_settings(DatabaseSettings)))
    except UnavailableError as error:
        print(f"renderfleet: {error.detail}: {error.__cause__}", file=sys.stderr)
        return 1
    if not is_known:
        print(f"renderfleet: there is no tenant {tenant!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
