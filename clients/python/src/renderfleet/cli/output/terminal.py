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
_BETWEEN: Final = "  "
# The widest column may become as narrow as that.
_NARROWEST: Final = 12
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
        is_extra: whether it is left out on a terminal that is too narrow for all.
    """

    title: str
    value: Callable[[DocumentT], object]
    is_extra: bool = False


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
        console = Console(highlight=False)
        console.print(table(entries, columns, width=console.width))
    else:
        for entry in entries:
            typer.echo("\t".join(plain(column.value(entry)) for column in columns))


def table(entries: Iterable[DocumentT], columns: Sequence[Column[DocumentT]], *, width: int) -> Table:
    """A table for a terminal that has so many columns of letters.

    No word is broken as long as that can be helped: what is extra is left out from the right, and only the
    widest column, mostly an address, goes on in the next line.
    """
    entries = list(entries)
    cells = {column: [spoken(column.value(entry)) for entry in entries] for column in columns}
    needed = {
        column: max(len(text) for text in (column.title, *cells[column])) + len(_BETWEEN)
        for column in columns
    }
    # The first one is an id, which is copied.
    widest = max(columns[1:], key=lambda column: needed[column])
    needed[widest] = min(needed[widest], _NARROWEST)
    for column in reversed(columns):
        if column.is_extra and sum(needed.values()) > width:
            del needed[column]
    is_enough = sum(needed.values()) <= width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(_BETWEEN), 0, 0))
    for column in needed:
        no_wrap = column is columns[0] or (is_enough and column is not widest)
        table.add_column(column.title, overflow="fold", no_wrap=no_wrap)
    for row in zip(*(cells[column] for column in needed), strict=True):
        # Text, not str: square brackets in a title are no markup.
        table.add_row(*(Text(word, style=_COLOURS.get(word, "")) for word in row))
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
