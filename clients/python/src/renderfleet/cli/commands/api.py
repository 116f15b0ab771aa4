"""`renderfleet api`: any call."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from renderfleet.cli.output.terminal import is_terminal
from renderfleet.cli.session import client


def api(
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="Such as GET.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Such as /v1/jobs?limit=1.")],
    *,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="The body as JSON; @FILE reads a file, @- standard input."),
    ] = None,
    header: Annotated[list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'")] = None,
) -> None:
    """Make any call and print the body of its answer.

    Example: renderfleet api GET /v1/jobs
    """
    headers = dict(_header(text) for text in header or ())
    with client(context) as opened:
        answer = opened.request(
            method, path if path.startswith("/") else f"/{path}", body=_body(data), headers=headers
        )
    if is_terminal() and "json" in answer.headers.get("content-type", ""):
        typer.echo(json.dumps(json.loads(answer.body), indent=2, ensure_ascii=False))
        return
    sys.stdout.buffer.write(answer.body)
    if is_terminal() or "json" in answer.headers.get("content-type", ""):
        sys.stdout.buffer.write(b"\n")


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not sign:
        raise typer.BadParameter(f"{text!r} is not 'NAME: VALUE'", param_hint="--header")
    return name.strip(), value.strip()


def _body(data: str | None) -> Any:
    if data is None:
        return None
    try:
        if data == "@-":
            return json.load(sys.stdin)
        return json.loads(Path(data[1:]).read_text() if data.startswith("@") else data)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(f"the body is not JSON: {error}", param_hint="--data") from None
