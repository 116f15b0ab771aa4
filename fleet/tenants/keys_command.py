"""`python -m fleet.keys create|list|revoke`: API keys, for whoever reaches the database.

`create` prints the key, alone, on standard output.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from fleet.database import Database, DatabaseConnection, DatabaseSettings, connected
from fleet.errors import UnavailableError
from fleet.settings import DataSettings, load_settings
from fleet.telemetry.logs import LogSettings, configure_logs
from fleet.tenants import api_keys
from fleet.tenants.api_keys import Credential, Revocation, create_key
from fleet.tenants.requests import MAX_LIFETIME_S, USUAL_SCOPES
from fleet.tenants.tenant import Scope
from fleet.vault import Vault, WrongKeyError, enrol
from fleet.vault.settings import SecretSettings

_COLUMNS: Final = ("id", "tenant", "name", "scopes", "created", "last used", "expires", "revoked")
_MAX_DAYS: Final = MAX_LIFETIME_S / (24 * 3600)

Command = Callable[[argparse.Namespace, DatabaseConnection], Awaitable[int]]


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word) for word in text.split(","))
    except ValueError as error:
        allowed = ", ".join(Scope)
        raise argparse.ArgumentTypeError(f"{text!r}: scopes are {allowed}, separated by commas") from error


def _days(text: str) -> timedelta:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text}: days are above 0 to {_MAX_DAYS:g}")
    return timedelta(days=days)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fleet.keys", description="API keys of renderfleet.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print it; it cannot be shown again")
    create.add_argument("--tenant", required=True, help="name of the tenant; made where there is none")
    create.add_argument("--name", default="default", help="your own name for the key")
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=USUAL_SCOPES,
        help="render, read, links (signing alone), admin, separated by commas (default: render,read); admin "
        "is the operator's",
    )
    create.add_argument("--expires-in-days", type=_days, help="when it stops working (default: never)")
    create.set_defaults(run=_create)
    listing = commands.add_parser("list", help="show the keys, newest first, never their secrets")
    listing.add_argument("--tenant", help="only those of the tenant of this name")
    listing.add_argument(
        "--json", action="store_true", dest="is_json", help="for machines: a list of objects"
    )
    listing.set_defaults(run=_list)
    revoke = commands.add_parser(
        "revoke", help="end a key; an API process that remembers it follows after RENDERFLEET_API_KEY_CACHE_S"
    )
    revoke.add_argument("id", help="the key's id: what stands between the first two underscores of it")
    revoke.set_defaults(run=_revoke)
    return parser.parse_args(words)


async def _create(arguments: argparse.Namespace, connection: DatabaseConnection) -> int:
    lifetime = arguments.expires_in_days
    vault = Vault.open(load_settings(SecretSettings), load_settings(DataSettings).data_dir)
    await _enrol(vault)
    key = await create_key(
        connection,
        tenant_name=arguments.tenant,
        key_name=arguments.name,
        scopes=arguments.scopes,
        expires_at=None if lifetime is None else datetime.now(UTC) + lifetime,
        vault=vault,
    )
    print(key)
    return 0


async def _enrol(vault: Vault) -> None:
    """Make sure that what this process seals (the key of signed links) can be opened by the fleet."""
    database = await Database.open(load_settings(DatabaseSettings), application="keys")
    try:
        await enrol(database, vault)
    finally:
        await database.close()


async def _list(arguments: argparse.Namespace, connection: DatabaseConnection) -> int:
    found = await api_keys.list_all(connection, tenant_name=arguments.tenant)
    if arguments.is_json:
        print(json.dumps([_document(key) for key in found], indent=2))
    else:
        _print_table([_COLUMNS, *(_row(key) for key in found)])
    return 0


def _document(key: Credential) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant_id": str(key.tenant_id),
        "tenant": key.tenant_name,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
    }


def _row(key: Credential) -> tuple[str, ...]:
    times = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
    moments = ("-" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for time in times)
    return (key.id, key.tenant_name, key.name, ",".join(sorted(key.scopes)), *moments)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


async def _revoke(arguments: argparse.Namespace, connection: DatabaseConnection) -> int:
    # Whoever runs this reaches the database and can make another admin key: a word is enough.
    had_admin = await api_keys.has_admin(connection)
    outcome = await api_keys.revoke(connection, arguments.id, spares_last_admin=False)
    if outcome is Revocation.UNKNOWN:
        print(
            f"renderfleet: there is no key {arguments.id!r}; `python -m fleet.keys list` shows the ids",
            file=sys.stderr,
        )
        return 1
    if outcome is Revocation.REVOKED_BEFORE:
        print(f"renderfleet: {arguments.id} was revoked before", file=sys.stderr)
    elif had_admin and not await api_keys.has_admin(connection):
        print(
            "renderfleet: no key with the scope `admin` works any more; make one with `python -m fleet.keys "
            "create --tenant NAME --scopes admin`",
            file=sys.stderr,
        )
    return 0


async def _run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    run: Command = arguments.run
    async with connected(settings) as connection:
        return await run(arguments, connection)


def main(words: list[str]) -> int:
    """Run one command; returns the exit code."""
    arguments = _arguments(words)
    configure_logs(load_settings(LogSettings))  # to standard error: on standard output is the key alone
    try:
        return asyncio.run(_run(arguments, load_settings(DatabaseSettings)))
    except WrongKeyError as error:
        print(f"renderfleet: {error.fix}", file=sys.stderr)
        return 1
    except UnavailableError as error:
        print(f"renderfleet: {error.detail}: {error.__cause__}", file=sys.stderr)
        return 1
