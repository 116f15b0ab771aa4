"""Options of a render as words of a command line."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

FullPage: TypeAlias = Annotated[
    bool, typer.Option("--full-page", help="The whole page, not the window alone.")
]
Width: TypeAlias = Annotated[
    int | None, typer.Option("--width", "-w", help="Width of the window, CSS pixels.")
]
Height: TypeAlias = Annotated[int | None, typer.Option("--height", help="Height of the window, CSS pixels.")]
Scale: TypeAlias = Annotated[
    float | None, typer.Option("--scale", help="Device pixels for a CSS pixel, 0.1 to 5.")
]
Selector: TypeAlias = Annotated[str | None, typer.Option("--selector", "-s", help="Only this element.")]
Device: TypeAlias = Annotated[str | None, typer.Option("--device", help="Such as 'iPhone 15'.")]
Dark: TypeAlias = Annotated[bool, typer.Option("--dark", help="Ask the page for its dark colours.")]
Javascript: TypeAlias = Annotated[
    str | None, typer.Option("--javascript", "-j", help="Run when the page is there.")
]
Css: TypeAlias = Annotated[str | None, typer.Option("--css", help="A style sheet, added to the page.")]
WaitFor: TypeAlias = Annotated[str | None, typer.Option("--wait-for", help="Wait for this CSS selector.")]
Wait: TypeAlias = Annotated[int | None, typer.Option("--wait", metavar="MS", help="Wait so long on top.")]
Quality: TypeAlias = Annotated[
    int | None, typer.Option("--quality", help="1 to 100, for jpeg, webp and avif.")
]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", help="Instead of that of the file's name.")
]
ExternalId: TypeAlias = Annotated[
    str | None, typer.Option("--external-id", help="Your own name for the job.")
]
More: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-O", metavar="NAME=VALUE", help="Any option of the API; VALUE is text or JSON."
    ),
]
Request: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--request",
        help="A file with options as JSON; - is standard input.",
    ),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is standard output."),
]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="Wait no longer; the job goes on (exit code 6)."),
]
NoWait: TypeAlias = Annotated[bool, typer.Option("--no-wait", help="Print the job's id and do not wait.")]


def given(named: Mapping[str, Any], more: Iterable[str] | None, request: Path | None) -> dict[str, Any]:
    """The options of a request: of the file, then what has a name of its own, then `-O`.

    Raises:
        typer.BadParameter: one cannot be read.
    """
    found: dict[str, Any] = {} if request is None else _read(request)
    found |= {name: value for name, value in named.items() if value is not None and value is not False}
    for text in more or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
        _put(found, name.split("."), _value(value))
    return found


def window(width: int | None, height: int | None) -> dict[str, int] | None:
    """The option `viewport`."""
    sides = {"width": width, "height": height}
    return {name: side for name, side in sides.items() if side is not None} or None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--request") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path} is not JSON: {error}", param_hint="--request") from None
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{path} is no JSON object", param_hint="--request")
    return document


def _put(found: dict[str, Any], path: list[str], value: Any) -> None:
    """`viewport.width=800` sets a field of an object."""
    *parents, last = path
    for name in parents:
        found = found.setdefault(name, {})
    found[last] = value


def _value(text: str) -> Any:
    """JSON if it is JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
