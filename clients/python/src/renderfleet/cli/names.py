"""Things that people call by name, and scripts by id."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

import typer

from renderfleet.cli.exit_codes import ExitCode
from renderfleet.cli.output.terminal import NOTES


class Named(Protocol):
    """What has an id, and may have a name."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str | None:
        """Its name."""


NamedT = TypeVar("NamedT", bound=Named)


def named(entries: Iterable[NamedT], name: str, kind: str) -> NamedT:
    """The newest entry of this name, or the one with this id. If there is none, the command ends.

    Args:
        entries: newest first.
        name: a name or an id.
        kind: what they are, as the command is called: `schedule` or `tenant`.
    """
    found = next((one for one in entries if name in {one.name, one.id}), None)
    if found is None:
        NOTES.print(
            f"renderfleet: there is no {kind} {name!r}; `renderfleet {kind} list` lists them", markup=False
        )
        raise typer.Exit(ExitCode.NOT_FOUND)
    return found
