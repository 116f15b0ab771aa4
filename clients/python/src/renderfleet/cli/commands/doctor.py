"""`renderfleet doctor`: what works and what does not, from here to a finished picture."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from renderfleet.blocking.client import Client
from renderfleet.cli.exit_codes import ExitCode, code_of
from renderfleet.cli.output.terminal import clean, is_terminal
from renderfleet.cli.session import client
from renderfleet.error_types import Forbidden
from renderfleet.errors import RenderfleetError

_RENDER_S = 60.0
# The server answers at once, or it is not well.
_RETRY_FOR_S = 2.0


@dataclass(slots=True)
class _Report:
    """The results so far.

    Attributes:
        code: of the first check that failed.
    """

    code: ExitCode = ExitCode.OK

    def line(self, mark: str, name: str, words: str) -> None:
        typer.echo(f"{mark}  {name}: {clean(words)}" if is_terminal() else f"{mark}\t{name}\t{clean(words)}")

    def check(self, name: str, look: Callable[[Client], str], opened: Client) -> bool:
        """Look, and print what was found. Returns whether it is well."""
        try:
            self.line("ok", name, look(opened))
        except RenderfleetError as error:
            self.line("no", name, str(error))
            self.code = self.code or code_of(error)
            return False
        return True


def doctor(context: typer.Context) -> None:
    """Check address, server, key, workers, and make a picture. The exit code is that of the first failure."""
    report = _Report()
    with client(context, retry_for_s=_RETRY_FOR_S) as opened:
        report.line("ok", "address", f"{opened.target.url} (from {opened.target.origin})")
        checks = {"server": _server, "key": _key, "workers": _workers, "render": _render}
        # Each needs what the one before it has found well.
        all(report.check(name, look, opened) for name, look in checks.items())
    raise typer.Exit(report.code)


def _server(opened: Client) -> str:
    status = opened.status()
    parts = [f"{name} {one.status}" for name, one in status.dependencies.items()]
    return "; ".join([status.status, *parts, *status.warnings])


def _key(opened: Client) -> str:
    me = opened.me()
    until = f", until {me.key.expires_at:%Y-%m-%d}" if me.key.expires_at else ""
    return (
        f"{me.key.name} of {me.tenant.name}: {', '.join(me.key.scopes)}{until}; {me.use.queued} jobs queued"
    )


def _workers(opened: Client) -> str:
    try:
        fleet = opened.fleet.get()
    except Forbidden:
        return "not looked at: the key is no operator's"
    if fleet.paused:
        raise RenderfleetError(f"the fleet is paused ({fleet.pause_reason or 'no reason'}): jobs wait")
    if not any(worker.takes_jobs is not False for worker in fleet.workers):
        raise RenderfleetError("no worker takes jobs: they wait until one does")
    return f"{len(fleet.workers)} with {fleet.slots} slots, {fleet.backlog.queued} jobs queued"


def _render(opened: Client) -> str:
    made = opened.screenshot(html="<h1>renderfleet doctor</h1>", retention_s=60, timeout_s=_RENDER_S)
    total_ms = made.job.timings_ms.total if made.job.timings_ms else None
    return f"a picture of {len(made.bytes):,} bytes" + (f" in {total_ms:.0f} ms" if total_ms else "")
