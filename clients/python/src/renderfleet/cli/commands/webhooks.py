"""`renderfleet webhook`: addresses that get a message when a job ends; and a receiver to try them with."""

from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from renderfleet.cli.exit_codes import ExitCode
from renderfleet.cli.listener import Listener
from renderfleet.cli.output.terminal import NOTES, Column, details, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.models.webhooks import Webhook, WebhookWithSecret

app = typer.Typer(help="Messages when a job ends.", no_args_is_help=True)
_COLUMNS: Final = (
    Column[Webhook]("id", lambda one: one.id),
    Column[Webhook]("made", lambda one: one.created_at),
    Column[Webhook]("disabled", lambda one: one.disabled_at),
    Column[Webhook]("url", lambda one: one.url),
)
Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


@app.command()
def add(context: typer.Context, url: Annotated[str, typer.Argument(metavar="URL")]) -> None:
    """Register an address; prints its id and secret. One that is registered already keeps its secret."""
    with client(context) as opened:
        _tell(opened.webhooks.register(url))


@app.command("list")
def list_(context: typer.Context, *, json: JsonFields = None) -> None:
    """List your webhooks, newest first."""
    with client(context) as opened:
        show(opened.webhooks.iter(), _COLUMNS, json)


@app.command("show")
def show_one(context: typer.Context, id_: Id) -> None:
    """Show a webhook with its secret."""
    with client(context) as opened:
        _tell(opened.webhooks.get(id_))


@app.command()
def rotate(context: typer.Context, id_: Id) -> None:
    """Make a new secret; for 24 hours messages are signed with both."""
    with client(context) as opened:
        _tell(opened.webhooks.rotate(id_))


@app.command("test")
def try_out(context: typer.Context, id_: Id, *, json: JsonFields = None) -> None:
    """Send a message to try it out, and say what the receiver has answered.

    The exit code is 1 if it was not delivered.
    """
    with client(context) as opened:
        sent = opened.webhooks.test(id_)
    last = sent.attempts[-1] if sent.attempts else None
    if json is not None:
        show([sent], (), json)
    else:
        details(
            {
                "id": sent.id,
                "status": sent.status,
                "answer": last.http_status if last else None,
                "ms": last.duration_ms if last else None,
                "error": sent.error or ("no worker has sent it yet" if last is None else None),
            }
        )
    if sent.status != "delivered":
        raise typer.Exit(ExitCode.JOB_FAILED)


@app.command()
def rm(context: typer.Context, id_: Id) -> None:
    """Delete a webhook and its secret."""
    with client(context) as opened:
        opened.webhooks.delete(id_)


@app.command()
def listen(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen on this machine.")] = 9000,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The address that the fleet reaches it by.")
    ] = None,
    forward: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Pass each message on to this address, with its headers."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many messages.")] = None,
) -> None:
    """Receive messages on this machine: verify them, print them, pass them on.

    The fleet must reach the address. For one on this machine: make run EGRESS_ALLOW=127.0.0.1:9000

    Example: renderfleet webhook listen --forward localhost:3000/hook
    """
    target = None if forward is None else (forward if urlsplit(forward).netloc else f"http://{forward}")
    with Listener(port, forward=target) as listener, client(context) as opened:
        address = public_url or listener.address
        listener.secret = opened.webhooks.register(address).secret
        NOTES.print(f"listening; make jobs with: -O webhook_url={address}", markup=False)
        for line in listener.messages(count):
            typer.echo(line)


def _tell(webhook: WebhookWithSecret) -> None:
    details(
        {
            "id": webhook.id,
            "url": webhook.url,
            "secret": webhook.secret,
            "old secret until": webhook.previous_secret_until,
            "disabled": webhook.disabled_at,
        }
    )
