"""`python -m fleet.keys create`: make an API key and print it, alone, on standard output."""

import argparse
import asyncio
import sys

import asyncpg

from fleet.database import answering
from fleet.errors import UnavailableError
from fleet.settings import DatabaseSettings, load_settings
from fleet.tenants import Scope, create_key


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word) for word in text.split(","))
    except ValueError as error:
        allowed = ", ".join(Scope)
        raise argparse.ArgumentTypeError(f"{text!r}: scopes are {allowed}, separated by commas") from error


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fleet.keys", description="API keys of renderfleet.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print it; it cannot be shown again")
    create.add_argument("--tenant", required=True, help="name of the tenant; made where there is none")
    create.add_argument("--name", default="default", help="your own name for the key")
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=frozenset({Scope.RENDER, Scope.READ}),
        help="render, read, admin, separated by commas (default: render,read)",
    )
    return parser.parse_args(words)


async def _create(arguments: argparse.Namespace, settings: DatabaseSettings) -> str:
    async with answering():
        connection = await asyncpg.connect(settings.database_url, timeout=settings.database_timeout_s)
    try:
        return await create_key(
            connection, tenant_name=arguments.tenant, key_name=arguments.name, scopes=arguments.scopes
        )
    finally:
        await connection.close()


def main(words: list[str]) -> int:
    """Run one command; returns the exit code."""
    arguments = _arguments(words)
    try:
        key = asyncio.run(_create(arguments, load_settings(DatabaseSettings)))
    except UnavailableError as error:
        print(f"renderfleet: {error.detail}: {error.__cause__}", file=sys.stderr)
        return 1
    print(key)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
