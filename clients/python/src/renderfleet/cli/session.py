"""What all commands share: which server, and a client for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from renderfleet.blocking.client import Client
from renderfleet.http.retries import DEFAULT_BUDGET_S

JsonFields: TypeAlias = Annotated[
    str | None,
    typer.Option("--json", metavar="FIELDS", help="Print JSON lines: fields such as id,error.type, or all."),
]


@dataclass(frozen=True, slots=True)
class Session:
    """What stands before the command.

    Attributes:
        url: `--url`.
        profile: `--profile`.
        retry_for_s: `--retry-for`.
    """

    url: str | None = None
    profile: str | None = None
    retry_for_s: float = DEFAULT_BUDGET_S


@contextmanager
def client(context: typer.Context, *, retry_for_s: float | None = None) -> Iterator[Client]:
    """A client for the server that the command line, the environment or a profile names."""
    session: Session = context.find_root().obj
    wanted_s = session.retry_for_s if retry_for_s is None else retry_for_s
    with Client(session.url, profile=session.profile, retry_for_s=wanted_s) as opened:
        yield opened
