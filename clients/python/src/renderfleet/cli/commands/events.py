"""`renderfleet events`: all own jobs, as they change."""

from typing import Annotated, Final

import typer

from renderfleet.cli.output.terminal import NOTES, Column, is_terminal, plain, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.cli.times import exact
from renderfleet.models.events import JobChange, JobEvent

_COLUMNS: Final = (
    Column[JobChange]("at", lambda one: one.at),
    Column[JobChange]("id", lambda one: one.id),
    Column[JobChange]("status", lambda one: one.status),
    Column[JobChange]("attempt", lambda one: one.attempt),
    Column[JobChange]("external id", lambda one: one.external_id),
)


def events(
    context: typer.Context,
    *,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="EVENT", help="Begin after this event, at most 15 minutes ago; the last column."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many.")] = None,
    json: JsonFields = None,
) -> None:
    """Print each change of your jobs.

    As it happens, until Ctrl-C: time, job, status, attempt, and your own name for it. The last column in a
    pipe is the event's id. A connection that breaks is taken up where it was.

    Example: renderfleet events --json id,status
    """
    with client(context) as opened:
        for number, event in enumerate(opened.events(after=after), 1):
            _tell(event, json)
            if number == count:
                return


def _tell(event: JobEvent, fields: str | None) -> None:
    change = event.change
    if change is None:
        NOTES.print("renderfleet: changes were left out; see `renderfleet jobs`", markup=False)
    elif fields is not None:
        show([change], _COLUMNS, fields)
    elif is_terminal():
        words = (f"{change.at.astimezone():%H:%M:%S}", change.id, f"{change.status:9}", change.external_id)
        typer.echo("  ".join(plain(word) for word in words).rstrip())
    else:
        told = [exact(change.at), *(plain(column.value(change)) for column in _COLUMNS[1:]), event.id]
        typer.echo("\t".join(told))
