"""What is printed: tables for people on a terminal, tab-separated lines or JSON for programs in a pipe."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from renderfleet.cli.times import ago, exact
from renderfleet.models.document import Document

DocumentT = TypeVar("DocumentT", bound=Document)

# Progress and errors, so that what is piped is the result alone.
NOTES: Final = Console(stderr=True, highlight=False, soft_wrap=True)
_COLOURS: Final = {
    "succeeded": "green",
    "failed": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
}


@dataclass(frozen=True)
class Column(Generic[DocumentT]):
    """One column of a table.

    Attributes:
        title: above it, on a terminal.
        value: of an entry. A time is told as an age on a terminal, and exactly in a pipe.
    """

    title: str
    value: Callable[[DocumentT], object]


def is_terminal() -> bool:
    """Whether a person reads the output."""
    return sys.stdout.isatty()


def show(entries: Iterable[DocumentT], columns: Sequence[Column[DocumentT]], fields: str | None) -> None:
    """Print a list: as JSON if fields are named, as a table on a terminal, else as tab-separated lines.

    Args:
        entries: in their order; in a pipe each is printed when it comes.
        columns: of table and lines.
        fields: names such as `id,error.type`, or `all`; None: no JSON.
    """
    if fields is not None:
        for entry in entries:
            typer.echo(json.dumps(chosen(entry.raw, fields), ensure_ascii=False))
    elif is_terminal():
        Console(highlight=False).print(table(entries, columns))
    else:
        for entry in entries:
            typer.echo("\t".join(plain(column.value(entry)) for column in columns))


def table(entries: Iterable[DocumentT], columns: Sequence[Column[DocumentT]]) -> Table:
    """A table for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # The first one is an id, which is copied.
        table.add_column(column.title, overflow="fold", no_wrap=number == 0)
    for entry in entries:
        # Text, not str: square brackets in a title are no markup.
        table.add_row(
            *(Text(word := spoken(column.value(entry)), style=_COLOURS.get(word, "")) for column in columns)
        )
    return table


def details(rows: Mapping[str, object]) -> None:
    """Print the facts about one thing, one a line, without those that are not known."""
    known = {name: value for name, value in rows.items() if plain(value)}
    if not is_terminal():
        for name, value in known.items():
            typer.echo(f"{name}\t{plain(value)}")
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in known.items():
        grid.add_row(Text(name, style="bold"), Text(word := spoken(value), style=_COLOURS.get(word, "")))
    Console(highlight=False).print(grid)


def chosen(raw: Mapping[str, Any], fields: str) -> Any:
    """The named fields of a document, by their names; null for what is not there."""
    if fields == "all":
        return raw
    return {name: _at(raw, name.split(".")) for name in fields.split(",")}


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def plain(value: object) -> str:
    """A value for programs, on one line."""
    return clean(exact(value) if isinstance(value, datetime) else _text(value))


def spoken(value: object) -> str:
    """A value for people."""
    return clean(ago(value) if isinstance(value, datetime) else _text(value))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ", ".join(_text(one) for one in value)
    return str(value)


def clean(text: str) -> str:
    """Without control characters: a page's title must not move the cursor, nor end a line of a table."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
