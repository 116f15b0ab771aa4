"""`python -m fleet.vault key|rotate`: print a new key, or seal all secrets with the first key again."""

import argparse
import asyncio
import sys

from fleet.database import Database, command_settings
from fleet.database_errors import in_words, needing_schema
from fleet.errors import UnavailableError
from fleet.settings import DataSettings, load_settings
from fleet.vault.key_file import new_key
from fleet.vault.rotation import Rotation, rotate
from fleet.vault.sealing import Vault
from fleet.vault.settings import SecretSettings


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fleet.vault", description="Keys for tenants' secrets.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("key", help="make a key for RENDERFLEET_SECRET_KEYS and print it")
    commands.add_parser("rotate", help="seal all secrets with the first key and retire the other keys")
    return parser.parse_args(words)


async def _rotate() -> Rotation:
    vault = Vault.open(load_settings(SecretSettings), load_settings(DataSettings).data_dir)
    database = await Database.open(command_settings(), application="vault")
    try:
        with needing_schema():
            return await rotate(database, vault)
    finally:
        await database.close()


def _in_words(rotation: Rotation) -> str:
    sealed = ", ".join(f"{table}: {count:,}" for table, count in rotation.sealed.items())
    retired = ", ".join(key.hex() for key in rotation.retired) or "none"
    return f"Sealed again: {sealed}. Keys that are no longer needed: {retired}."


def main(words: list[str]) -> int:
    """Run one command, and return the exit code."""
    if _arguments(words).command == "key":
        print(new_key())
        return 0
    try:
        print(_in_words(asyncio.run(_rotate())))
    except UnavailableError as error:
        print(f"renderfleet: {in_words(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
