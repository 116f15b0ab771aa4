"""`renderfleet login` and `renderfleet profiles`: addresses and keys that are remembered."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from renderfleet.blocking.client import Client
from renderfleet.cli.output.terminal import NOTES, clean
from renderfleet.cli.session import Session
from renderfleet.profiles import DEFAULT_NAME, Profile, read_profiles, write_profiles
from renderfleet.target import DEFAULT_URL

app = typer.Typer(help="The servers that `login` remembers.", invoke_without_command=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]


def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the server.")] = DEFAULT_URL,
    *,
    profile: Annotated[str, typer.Option(help="A name for this server.")] = DEFAULT_NAME,
) -> None:
    """Remember a server and an API key.

    In a file that only you can read.

    The key is asked for; in a pipe it is read from standard input.

    Example: renderfleet login http://127.0.0.1:8000 < .renderfleet/api-key
    """
    session: Session = context.find_root().obj
    name = session.profile or profile
    key = typer.prompt("API key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    made = Profile(url.rstrip("/"), key.strip())
    with Client(made.url, made.api_key) as opened:
        me = opened.me()
    known = read_profiles()
    path = write_profiles(replace(known, by_name={**known.by_name, name: made}, current=name))
    NOTES.print(
        f"{clean(me.tenant.name)} ({', '.join(me.key.scopes)}) at {made.url}; remembered in {path}",
        markup=False,
    )


@app.callback()
def list_profiles(context: typer.Context) -> None:
    """List the profiles; the one that is used has a star."""
    if context.invoked_subcommand is not None:
        return
    known = read_profiles()
    for name, one in sorted(known.by_name.items()):
        typer.echo(f"{'*' if name == known.current else ' '}\t{name}\t{one.url}")


@app.command()
def use(name: Name) -> None:
    """Use this profile if none is named."""
    known = read_profiles()
    known.named(name)
    write_profiles(replace(known, current=name))


@app.command()
def rm(name: Name) -> None:
    """Forget a profile. Its key goes on working."""
    known = read_profiles()
    known.named(name)
    kept = {other: one for other, one in known.by_name.items() if other != name}
    current = known.current if known.current in kept else next(iter(kept), DEFAULT_NAME)
    write_profiles(replace(known, by_name=kept, current=current))
