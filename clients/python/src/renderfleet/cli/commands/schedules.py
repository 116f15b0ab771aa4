"""`renderfleet schedule`: pictures at the times of a cron expression."""

from typing import Annotated, Any, Final

import typer

from renderfleet.cli.commands.compare import Method, Picture, asked, tell
from renderfleet.cli.input import options
from renderfleet.cli.input.sources import source_of
from renderfleet.cli.names import named
from renderfleet.cli.output.terminal import Column, details, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.errors import RenderfleetError
from renderfleet.models.schedules import Schedule

app = typer.Typer(help="Render at the times of a cron expression.", no_args_is_help=True)

_A_PAIR: Final = 2


def page_of(schedule: Schedule) -> str:
    """What it renders: an address, or the names of the options that are secret."""
    return str((schedule.job or {}).get("url", "")) or ", ".join(schedule.sealed_fields)


_COLUMNS: Final = (
    Column[Schedule]("id", lambda one: one.id),
    Column[Schedule]("name", lambda one: one.name),
    Column[Schedule]("cron", lambda one: one.cron),
    Column[Schedule]("timezone", lambda one: one.timezone, is_extra=True),
    Column[Schedule]("on", lambda one: one.enabled),
    Column[Schedule]("next", lambda one: one.next_fires[0] if one.next_fires else None),
    Column[Schedule]("page", page_of),
    Column[Schedule]("error", lambda one: one.last_error.type if one.last_error else ""),
)
Which = Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.")]


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Your own name for it.")],
    page: Annotated[str, typer.Argument(metavar="PAGE", help="An address, a file, a folder, or -.")],
    *,
    cron: Annotated[
        str, typer.Option(help="When: minute, hour, day, month, weekday; or @daily and the like.")
    ],
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/Berlin; UTC if none is given.")] = None,
    pixels: Annotated[
        float | None, typer.Option(help="Report only pictures of which more than this share has changed.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where each picture is reported.")
    ] = None,
    full_page: options.FullPage = False,
    width: options.Width = None,
    height: options.Height = None,
    format_: options.Format = None,
    option: options.More = None,
) -> None:
    """Make a schedule; prints its id.

    Example: renderfleet schedule add prices example.com --cron '0 9 * * 1-5' --pixels 0
    """
    named = {
        "full_page": full_page,
        "viewport": options.window(width, height),
        "format": format_,
        "webhook_url": webhook,
    }
    job = {**source_of(page), **options.given(named, option, None)}
    compare: dict[str, Any] | None = None if pixels is None else {"method": "pixels", "threshold": pixels}
    with client(context) as opened:
        made = opened.schedules.create(
            cron,
            job,
            name=name,
            timezone=timezone,
            deliver=None if pixels is None else "when_changed",
            compare=compare,
        )
    typer.echo(made.id)


@app.command("list")
def list_(context: typer.Context, *, json: JsonFields = None) -> None:
    """List your schedules, newest first."""
    with client(context) as opened:
        show(opened.schedules.iter(), _COLUMNS, json)


@app.command("show")
def show_one(context: typer.Context, name: Which, *, json: JsonFields = None) -> None:
    """Show a schedule, with its next times."""
    with client(context) as opened:
        found = named(opened.schedules.iter(), name, "schedule")
    if json is not None:
        show([found], _COLUMNS, json)
        return
    details(
        {
            "id": found.id,
            "name": found.name,
            "cron": f"{found.cron} ({found.timezone})",
            "on": found.enabled,
            "page": page_of(found),
            "reports": found.deliver,
            **{f"next {number}": time for number, time in enumerate(found.next_fires, 1)},
            "last job": found.last_job_id,
            "last error": f"{found.last_error.type}: {found.last_error.detail}" if found.last_error else None,
        }
    )


@app.command()
def enable(context: typer.Context, name: Which) -> None:
    """Let it make jobs, from its next time on."""
    with client(context) as opened:
        opened.schedules.enable(named(opened.schedules.iter(), name, "schedule"))


@app.command()
def disable(context: typer.Context, name: Which) -> None:
    """Let it make no more jobs."""
    with client(context) as opened:
        opened.schedules.disable(named(opened.schedules.iter(), name, "schedule"))


@app.command()
def run(context: typer.Context, name: Which) -> None:
    """Make a job from it now, and print the job's id. Its regular times do not change.

    Example: renderfleet job $(renderfleet schedule run prices) -o prices.png
    """
    with client(context) as opened:
        typer.echo(opened.schedules.run(named(opened.schedules.iter(), name, "schedule")).id)


@app.command()
def diff(
    context: typer.Context,
    name: Which,
    *,
    method: Method = None,
    output: Picture = None,
    json: JsonFields = None,
) -> None:
    """Say what changed between its last two pictures.

    Example: renderfleet schedule diff prices -o difference.png
    """
    with client(context) as opened:
        schedule = named(opened.schedules.iter(), name, "schedule")
        made = list(opened.jobs.iter(schedule_id=schedule.id, status="succeeded", limit=2))
        if len(made) < _A_PAIR:
            raise RenderfleetError(f"the schedule {name} has not made two pictures yet")
        newer, older = made
        tell(opened.jobs.compare(newer, older, **asked(method)), output, json)


@app.command()
def rm(context: typer.Context, name: Which) -> None:
    """Delete it; its jobs stay."""
    with client(context) as opened:
        opened.schedules.delete(named(opened.schedules.iter(), name, "schedule"))
