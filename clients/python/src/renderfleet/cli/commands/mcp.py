"""`renderfleet mcp`: tools for agents."""

import sys
from typing import Annotated, Final

import typer

from renderfleet.cli.exit_codes import ExitCode
from renderfleet.cli.output.terminal import NOTES
from renderfleet.cli.session import Session
from renderfleet.target import find_target

# In place of a key where each call has its own.
_NO_KEY: Final = "of each call"
_MOST_PORT: Final = 65_535


def mcp(
    context: typer.Context,
    *,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve over HTTP, such as 127.0.0.1:8311, instead of stdio."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="TOOLS", help="More tools: schedules. May be repeated.")
    ] = None,
) -> None:
    """Serve tools for agents, by the Model Context Protocol.

    Over stdio with this command's server and key; over HTTP each call carries its own key as a bearer token.

    Example: renderfleet mcp --http 127.0.0.1:8311
    """
    try:
        from renderfleet.agents import server  # noqa: PLC0415 - it takes a second, and may not be installed
    except ImportError:
        NOTES.print("renderfleet: this needs `pip install 'renderfleet[mcp]'`", markup=False)
        sys.exit(ExitCode.USAGE)
    allowed = frozenset(allow or ())
    if unknown := sorted(allowed.difference(server.ALLOWABLE)):
        raise typer.BadParameter(
            f"{unknown[0]!r} is none of: {', '.join(server.ALLOWABLE)}", param_hint="--allow"
        )
    session: Session = context.find_root().obj
    if http is None:
        server.run_stdio(find_target(session.url, profile=session.profile), allowed)
        return
    host, port = _place(http)
    url = find_target(session.url, _NO_KEY, session.profile).url
    sentence = f"listening at http://{http}{server.PATH}, for {url}"
    server.run_http(url, allowed, host=host, port=port, listening=lambda: NOTES.print(sentence, markup=False))


def _place(text: str) -> tuple[str, int]:
    host, sign, port = text.rpartition(":")
    if not (sign and host and port.isascii() and port.isdecimal() and 0 < int(port) <= _MOST_PORT):
        raise typer.BadParameter(f"{text!r} is not HOST:PORT", param_hint="--http")
    return host.strip("[]"), int(port)
