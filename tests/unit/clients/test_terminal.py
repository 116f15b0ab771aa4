"""Tables on a terminal: what is copied or read as one word stays whole, also where there is little room."""

import io
from typing import Any

from rich.console import Console

from renderfleet.cli.output.terminal import Column, table

ID = "01a22d3e-2f75-70ec-a315-398eaa6b8448"
ADDRESS = f"https://shop.example/{'pages/' * 12}"
COLUMNS: tuple[Column[Any], ...] = (
    Column("id", lambda _: ID),
    Column("status", lambda _: "succeeded"),
    Column("format", lambda _: "png", is_extra=True),
    Column("error", lambda _: "name_not_resolved"),
    Column("page", lambda _: ADDRESS),
)


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table([object()], COLUMNS, width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_only_the_widest_column_goes_on_in_the_next_line() -> None:
    text = printed(80)
    assert {len(line) for line in text.splitlines()} == {80}
    first = text.splitlines()[1]
    assert first.split() == [ID, "succeeded", "name_not_resolved", ADDRESS[:12]]
    assert "format" not in text
    assert "".join(line[68:].strip() for line in text.splitlines()[1:]) == ADDRESS


def test_all_is_there_where_there_is_room() -> None:
    assert printed(200).splitlines()[1].split() == [ID, "succeeded", "png", "name_not_resolved", ADDRESS]
