"""`python -m fleet.keys create|list|revoke`: API keys, for whoever reaches the database.

`create` prints the key, alone, on standard output.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from fleet.database import Database, DatabaseConnection, command_settings
from fleet.settings import DataSettings, load_settings
from fleet.telemetry.logs import LogSettings, configure_logs
from fleet.tenants import api_keys, manage
from fleet.tenants.api_keys import ApiKey, Revocation, create_key
from fleet.tenants.command import CommandError, checked, entries, run, tell, tenant_named
from fleet.tenants.requests import USUAL_SCOPES, KeyArguments
from fleet.tenants.tenant import Scope
from fleet.vault import Vault, enrol
from fleet.vault.settings import SecretSettings

_COLUMNS: Final = ("id", "tenant", "name", "scopes", "created", "last used", "expires", "revoked")
_EXAMPLES: Final = """
examples:
  python -m fleet.keys create --tenant acme --new-tenant
      make the tenant acme and a key for it
  python -m fleet.keys create --tenant acme --name shop --scopes links --expires-in-days 90
      make one more key for it, which signs links for 90 days
  python -m fleet.keys list --tenant acme
  python -m fleet.keys revoke 0a1b2c3d4e5f
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fleet.keys",
        description="API keys of renderfleet.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser(
        "create",
        help="make a key and print it; it cannot be shown again",
        epilog="example: python -m fleet.keys create --tenant acme --name shop --scopes render,read",
    )
    _add_options_of_create(create)
    listing = commands.add_parser(
        "list",
        help="show the keys, newest first, never their secrets",
        epilog="example: python -m fleet.keys list --tenant acme",
    )
    listing.add_argument("--tenant", help="only those of the tenant of this name")
    listing.add_argument(
        "--json", action="store_true", dest="is_json", help="for machines: a list of objects"
    )
    listing.set_defaults(run=_run_list)
    revoke = commands.add_parser(
        "revoke",
        help="end a key; API processes that remember it follow after RENDERFLEET_API_KEY_CACHE_S",
        epilog="example: python -m fleet.keys revoke 0a1b2c3d4e5f",
    )
    revoke.add_argument("id", help="the key's id: what stands between the first two underscores of it")
    revoke.set_defaults(run=_run_revoke)
    return parser


def _add_options_of_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("--tenant", required=True, help="name of the tenant that the key belongs to")
    create.add_argument(
        "--new-tenant", action="store_true", help="make the tenant if there is none of this name"
    )
    create.add_argument("--name", default="default", help="your own name for the key")
    create.add_argument(
        "--scopes",
        default=",".join(sorted(USUAL_SCOPES)),
        help=f"what the key may do: {', '.join(Scope)}, separated by commas (default: %(default)s). links "
        "signs links and does nothing else; admin is the operator's, for the whole fleet",
    )
    create.add_argument("--expires-in-days", help="when it stops working (default: never)")
    create.set_defaults(run=_run_create)


def _run_create(arguments: argparse.Namespace) -> int:
    given = {
        "tenant": arguments.tenant,
        "name": arguments.name,
        "scopes": entries(arguments.scopes),
        "expires_in_days": arguments.expires_in_days,
    }
    wanted = checked(KeyArguments, given)
    return run(lambda connection: _create(wanted, connection, may_make_tenant=arguments.new_tenant))


def _run_list(arguments: argparse.Namespace) -> int:
    return run(lambda connection: _list(connection, tenant=arguments.tenant, is_json=arguments.is_json))


def _run_revoke(arguments: argparse.Namespace) -> int:
    return run(lambda connection: _revoke(connection, arguments.id))


async def _create(wanted: KeyArguments, connection: DatabaseConnection, *, may_make_tenant: bool) -> None:
    if not may_make_tenant:
        await tenant_named(connection, wanted.tenant, otherwise="With --new-tenant it is made.")
    is_known = await manage.find(connection, wanted.tenant) is not None
    vault = Vault.open(load_settings(SecretSettings), load_settings(DataSettings).data_dir)
    await _enrol(vault)
    days = wanted.expires_in_days
    key = await create_key(
        connection,
        tenant_name=wanted.tenant,
        key_name=wanted.name,
        scopes=wanted.scopes,
        expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        vault=vault,
    )
    if not is_known:
        tell(f"the tenant {wanted.tenant!r} is new")
    print(key)


async def _enrol(vault: Vault) -> None:
    """Make sure that what this process seals (the key of signed links) can be opened by the fleet."""
    database = await Database.open(command_settings(), application="keys")
    try:
        await enrol(database, vault)
    finally:
        await database.close()


async def _list(connection: DatabaseConnection, *, tenant: str | None, is_json: bool) -> None:
    if tenant is not None:
        await tenant_named(connection, tenant)
    found = await api_keys.list_all(connection, tenant_name=tenant)
    if is_json:
        print(json.dumps([_document(key) for key in found], indent=2))
    else:
        _print_table([_COLUMNS, *(_row(key) for key in found)])


def _document(key: ApiKey) -> dict[str, object]:
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


def _row(key: ApiKey) -> tuple[str, ...]:
    times = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
    moments = ("-" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for time in times)
    return (key.id, key.tenant_name, key.name, ",".join(sorted(key.scopes)), *moments)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


async def _revoke(connection: DatabaseConnection, key_id: str) -> None:
    # Whoever runs this reaches the database and can make another admin key: a word is enough.
    had_admin = await api_keys.has_admin(connection)
    outcome = await api_keys.revoke(connection, key_id, spares_last_admin=False)
    if outcome is Revocation.UNKNOWN:
        raise CommandError(f"there is no key {key_id!r}; `python -m fleet.keys list` shows the ids")
    if outcome is Revocation.REVOKED_BEFORE:
        print(f"{key_id} was revoked before")
        return
    print(f"{key_id} is revoked; API processes that remember it follow after RENDERFLEET_API_KEY_CACHE_S")
    if had_admin and not await api_keys.has_admin(connection):
        tell(
            "no key with the scope `admin` works any more; make one with `python -m fleet.keys create "
            "--tenant NAME --scopes admin`"
        )


def main(words: list[str]) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(words)
    configure_logs(load_settings(LogSettings))  # to standard error: on standard output is the key alone
    exit_code: int = arguments.run(arguments)
    return exit_code
