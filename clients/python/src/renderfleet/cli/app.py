"""All commands together, and how they end."""

import sys
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined] # not in its __all__

from renderfleet.cli.commands import fleet, login, render, schedules, tenants, webhooks
from renderfleet.cli.commands import jobs as job_commands
from renderfleet.cli.commands.api import api
from renderfleet.cli.commands.compare import compare
from renderfleet.cli.commands.completion import completion
from renderfleet.cli.commands.doctor import doctor
from renderfleet.cli.commands.events import events
from renderfleet.cli.commands.links import link
from renderfleet.cli.commands.mcp import mcp
from renderfleet.cli.commands.multi import multi
from renderfleet.cli.exit_codes import ExitCode, code_of
from renderfleet.cli.output.terminal import NOTES, clean
from renderfleet.cli.session import Session
from renderfleet.errors import RenderfleetError
from renderfleet.http.retries import DEFAULT_BUDGET_S
from renderfleet.http.transport import VERSION

app = typer.Typer(
    name="renderfleet",
    no_args_is_help=True,
    add_completion=False,  # `completion` prints the same for each shell, also where none is detected
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Web pages become pictures and PDFs. `renderfleet COMMAND --help` says more.",
)


def _print_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"renderfleet {VERSION}")
        raise typer.Exit


@app.callback()
def before_each_command(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="Address of the server.")] = None,
    profile: Annotated[str | None, typer.Option(help="A profile that `login` has made.")] = None,
    retry_for: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to try again at limits and outages.")
    ] = DEFAULT_BUDGET_S,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda asked: _print_version(is_asked=asked))
    ] = False,
) -> None:
    """Remember which server is meant."""
    context.obj = Session(url, profile, retry_for)


app.command()(render.shot)
app.command()(render.pdf)
app.command()(multi)
app.command()(job_commands.jobs)
app.command()(job_commands.job)
app.command()(job_commands.retry)
app.command()(job_commands.move)
app.command()(job_commands.cancel)
app.command()(events)
app.command()(compare)
app.command()(link)
app.add_typer(schedules.app, name="schedule")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(fleet.app, name="fleet")
app.add_typer(tenants.tenant_app, name="tenant")
app.add_typer(tenants.key_app, name="key")
app.command()(login.login)
app.add_typer(login.app, name="profiles")
app.command()(doctor)
app.command()(api)
app.command()(completion)
app.command()(mcp)


def main() -> None:
    """Run the command of the command line; ends the process."""
    completion_init()  # for the scripts that `completion` prints
    try:
        app(prog_name="renderfleet")
    except RenderfleetError as error:
        NOTES.print(f"renderfleet: {clean(str(error))}", markup=False)
        sys.exit(code_of(error))
    except OSError as error:  # a file that cannot be read or written, a port that is taken
        NOTES.print(f"renderfleet: {clean(str(error))}", markup=False)
        sys.exit(ExitCode.USAGE)
