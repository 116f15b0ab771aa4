"""`python -m fleet.limits`: what a tenant may have: share, jobs, calls, renders a month, addresses."""

import argparse
import asyncio
import sys

from fleet.database import DatabaseSettings, connected
from fleet.egress.networks import split_denials, split_network
from fleet.errors import UnavailableError
from fleet.settings import load_settings
from fleet.tenants import manage
from fleet.tenants.requests import (
    MAX_BURST,
    MAX_COUNT,
    MAX_ENTRIES,
    MAX_RENDERS,
    MAX_REQUESTS_PER_S,
    MAX_WEIGHT,
    MIN_REQUESTS_PER_S,
    MIN_WEIGHT,
)


def _weight(text: str) -> float:
    weight = float(text)
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
        raise argparse.ArgumentTypeError(f"{text}: a weight is from {MIN_WEIGHT} to {MAX_WEIGHT:g}")
    return weight


def _count(text: str, *, least: int, most: int = MAX_COUNT) -> int | None:
    if text == "default":
        return None
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from {least} to {most:,}, or `default`")
    return int(text)


def _rate(text: str) -> float | None:
    if text == "default":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not MIN_REQUESTS_PER_S <= rate <= MAX_REQUESTS_PER_S:
        raise argparse.ArgumentTypeError(
            f"{text}: calls a second are from {MIN_REQUESTS_PER_S} to {MAX_REQUESTS_PER_S:,.0f}, or `default`"
        )
    return rate


def _entries(text: str) -> tuple[str, ...]:
    entries = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(entries) > MAX_ENTRIES:
        raise argparse.ArgumentTypeError(f"there may be {MAX_ENTRIES} entries")
    return entries


def _networks(text: str) -> tuple[str, ...]:
    entries = _entries(text)
    try:
        for entry in entries:
            split_network(entry)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return entries


def _denials(text: str) -> tuple[str, ...]:
    entries = _entries(text)
    try:
        split_denials(entries)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return entries


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
    parser.add_argument(
        "--max-requests-per-s",
        type=_rate,
        help="calls it may make in a second; more are refused. `default` takes "
        "RENDERFLEET_TENANT_MAX_REQUESTS_PER_S",
    )
    parser.add_argument(
        "--burst",
        type=lambda text: _count(text, least=1, most=MAX_BURST),
        help="calls it may make at once after a pause. `default` takes RENDERFLEET_TENANT_BURST",
    )
    parser.add_argument(
        "--max-renders-per-month",
        type=lambda text: _count(text, least=0, most=MAX_RENDERS),
        help="jobs it may have accepted in a month (UTC); more are refused. `default` takes "
        "RENDERFLEET_TENANT_MAX_RENDERS_PER_MONTH",
    )
    parser.add_argument(
        "--egress-allow",
        type=_networks,
        help="networks its jobs reach besides RENDERFLEET_EGRESS_ALLOW, written like it; '' for none",
    )
    parser.add_argument(
        "--egress-deny",
        type=_denials,
        help="networks and hosts its jobs do not reach besides RENDERFLEET_EGRESS_DENY, written like it; '' "
        "for none",
    )
    arguments = parser.parse_args(words)
    if len(vars(arguments)) == 1:
        options = (f"--{column.replace('_', '-')}" for column in manage.CHANGEABLE)
        parser.error(f"give at least one of {', '.join(options)}")
    return arguments


async def _set(tenant: str, limits: dict[str, object], settings: DatabaseSettings) -> bool:
    async with connected(settings) as connection:
        tenant_id = await manage.id_of(connection, tenant)
        return tenant_id is not None and await manage.change(connection, tenant_id, limits) is not None


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
