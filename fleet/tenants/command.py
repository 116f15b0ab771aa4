"""What the commands for operators share: checked arguments, a connection, and errors in one sentence."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Final, TypeVar

import asyncpg
from pydantic import BaseModel, ValidationError

from fleet.database import DatabaseConnection, command_settings, connected
from fleet.database_errors import in_words
from fleet.errors import UnavailableError
from fleet.input.field_errors import field_errors_of
from fleet.tenants import manage
from fleet.tenants.manage import TenantAccount

_WRONG_ARGUMENTS: Final = 2  # the exit code that argparse has for them
_FAILED: Final = 1

ModelT = TypeVar("ModelT", bound=BaseModel)


class CommandError(Exception):
    """A command cannot do what it was told to; the text is one sentence for whoever typed it."""


def checked(model: type[ModelT], arguments: Mapping[str, object]) -> ModelT:
    """Arguments as the model that the API has for the same thing.

    Args:
        model: whose fields are named as the options are, with `_` for `-`.
        arguments: by the names of the fields.

    Raises:
        SystemExit: one is not valid; which, and why, is on standard error.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        sentences = [
            f"{option(found.field or '')}: {found.message}" for found in field_errors_of(errors, model)
        ]
        tell("; ".join(sentences))
        raise SystemExit(_WRONG_ARGUMENTS) from None


def option(field: str) -> str:
    """How a field, or an entry of it such as `scopes.0`, is given on the command line."""
    return f"--{field.partition('.')[0].replace('_', '-')}"


def entries(text: str) -> list[str]:
    """The entries of a list that is separated by commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


async def tenant_named(connection: DatabaseConnection, name: str, *, otherwise: str = "") -> TenantAccount:
    """The tenant of this name.

    Args:
        connection: to Postgres.
        name: as it was typed.
        otherwise: what else the caller may do when there is none.

    Raises:
        CommandError: there is none; it tells the name that is most like this one.
    """
    found = await manage.find(connection, name)
    if found is None:
        close = get_close_matches(name, await manage.names(connection), n=1)
        guess = f"; did you mean {close[0]!r}?" if close else "."
        raise CommandError(f"there is no tenant {name!r}{guess} {otherwise}".rstrip())
    return found


def run(command: Callable[[DatabaseConnection], Awaitable[None]]) -> int:
    """Run a command on one connection to Postgres; returns the exit code.

    Whatever it cannot do is one sentence on standard error.
    """
    try:
        asyncio.run(_connected(command))
    except CommandError as error:
        tell(str(error))
    except UnavailableError as error:
        tell(in_words(error))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        tell(f"Postgres refuses: {error}")
    else:
        return 0
    return _FAILED


def tell(sentence: str) -> None:
    """Say something beside the result, which is on standard output alone."""
    print(f"renderfleet: {sentence}", file=sys.stderr)


async def _connected(command: Callable[[DatabaseConnection], Awaitable[None]]) -> None:
    async with connected(command_settings()) as connection:
        await command(connection)
