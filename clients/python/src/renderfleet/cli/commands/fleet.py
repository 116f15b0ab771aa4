"""`renderfleet fleet`: workers, backlog, pause."""

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from renderfleet.cli.output.terminal import Column, clean, is_terminal, plain, show, table
from renderfleet.cli.session import JsonFields, client
from renderfleet.cli.times import exact, spoken
from renderfleet.models.fleet import Fleet, Worker, WorkerMemory

app = typer.Typer(
    help="Workers, backlog and pause. Needs a key with the scope admin.", invoke_without_command=True
)
_MIB: Final = 1024 * 1024


def _mib(memory: WorkerMemory) -> int:
    """What the worker's processes use; shared memory is counted once, where the system tells it."""
    return round((memory.pss_bytes or memory.rss_bytes) / _MIB)


_COLUMNS: Final = (
    Column[Worker]("worker", lambda one: one.id),
    Column[Worker]("host", lambda one: one.hostname),
    Column[Worker]("busy", lambda one: f"{one.busy}/{one.slots}"),
    Column[Worker]("browser", lambda one: one.browser_generation, is_extra=True),
    Column[Worker]("age s", lambda one: one.browser_age_s, is_extra=True),
    Column[Worker]("cpu %", lambda one: one.cpu_percent, is_extra=True),
    Column[Worker]("MiB", lambda one: _mib(one.memory) if one.memory else None),
    Column[Worker]("renders", lambda one: one.browser.renders_total if one.browser else None, is_extra=True),
    Column[Worker]("holds", lambda one: one.holds),
)


@app.callback()
def fleet(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.5, help="With --watch.")] = 2.0,
    count: Annotated[int | None, typer.Option(min=1, help="With --watch: end after so many looks.")] = None,
    json: JsonFields = None,
) -> None:
    """Show the fleet. In a pipe, one line for each worker; with --watch one line for each look."""
    if context.invoked_subcommand is not None:
        return
    with client(context) as opened:
        if watch:
            _watch(opened.fleet.get, every, count)
            return
        found = opened.fleet.get()
    if json is not None:
        show([found], (), json)
        return
    if is_terminal():
        typer.echo(_summary(found))
    show(found.workers, _COLUMNS, None)


@app.command()
def pause(
    context: typer.Context,
    *,
    reason: Annotated[str | None, typer.Option(help="Everybody who looks at the fleet sees it.")] = None,
) -> None:
    """Let no worker begin another job. Running ones go on to their end."""
    with client(context) as opened:
        typer.echo(_summary(opened.fleet.pause(reason)))


@app.command()
def resume(context: typer.Context) -> None:
    """End the pause."""
    with client(context) as opened:
        typer.echo(_summary(opened.fleet.resume()))


def _watch(look: Callable[[], Fleet], every_s: float, count: int | None) -> None:
    """Look again and again, `count` times or for ever."""
    looks = itertools.count() if count is None else range(count)
    if not is_terminal():
        for number in looks:
            _pause(number, every_s)
            typer.echo(_line(look()))
        return
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        for number in looks:
            _pause(number, every_s)
            found = look()
            live.update(
                Group(Text(_summary(found)), table(found.workers, _COLUMNS, width=live.console.width)),
                refresh=True,
            )


def _pause(number: int, every_s: float) -> None:
    if number:
        time.sleep(every_s)


def _line(fleet_: Fleet) -> str:
    """A look as one line: time, state, queued, running, oldest in seconds, slots."""
    backlog = fleet_.backlog
    words = (
        exact(datetime.now(UTC)),
        "paused" if fleet_.paused else "running",
        backlog.queued,
        backlog.running,
        backlog.oldest_queued_s,
        fleet_.slots,
    )
    return "\t".join(plain(word) for word in words)


def _summary(fleet_: Fleet) -> str:
    backlog = fleet_.backlog
    state = (
        f"paused since {exact(fleet_.paused_at)} ({fleet_.pause_reason or 'no reason'})"
        if fleet_.paused
        else "runs"
    )
    oldest = f", the oldest for {spoken(backlog.oldest_queued_s)}" if backlog.queued else ""
    workers = "1 worker" if len(fleet_.workers) == 1 else f"{len(fleet_.workers)} workers"
    return clean(
        f"{state}; {backlog.queued} queued{oldest}, {backlog.running} running; {workers} with "
        f"{fleet_.slots} slots, {fleet_.suggested_replicas} suggested"
    )
