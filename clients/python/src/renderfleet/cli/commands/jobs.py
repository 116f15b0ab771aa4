"""`renderfleet jobs`, `job`, `retry`, `move` and `cancel`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from renderfleet.blocking.client import Client
from renderfleet.cli.exit_codes import ExitCode, code_of
from renderfleet.cli.output.files import facts, write
from renderfleet.cli.output.terminal import NOTES, Column, clean, details, is_terminal, plain, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.cli.times import moment
from renderfleet.error_types import job_failed
from renderfleet.errors import ApiError
from renderfleet.models.jobs import Attempt, Job
from renderfleet.operations.lists import segment

_COLUMNS: Final = (
    Column[Job]("id", lambda job: job.id),
    Column[Job]("status", lambda job: job.status),
    Column[Job]("format", lambda job: job.request.get("format", "png"), is_extra=True),
    Column[Job]("made", lambda job: job.created_at, is_extra=True),
    Column[Job]("ms", lambda job: job.timings_ms.total if job.timings_ms else None, is_extra=True),
    Column[Job]("error", lambda job: job.error.type if job.error else ""),
    Column[Job]("page", lambda job: job.source),
)
_ATTEMPT_COLUMNS: Final = (
    Column[Attempt]("attempt", lambda one: one.attempt),
    Column[Attempt]("outcome", lambda one: one.outcome or "running"),
    Column[Attempt]("began", lambda one: one.started_at),
    Column[Attempt]("ms", lambda one: one.duration_ms),
    Column[Attempt]("worker", lambda one: one.worker_id),
    Column[Attempt]("error", lambda one: one.error.type if one.error else ""),
)
# The states in which a job can be cancelled.
_STATUSES: Final = ("queued", "running")

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of jobs.")]
Status = Annotated[str | None, typer.Option(help="queued, running, succeeded, failed, cancelled or expired.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="A time, or a duration before now: 30m, 1h, 2d.")
]


def jobs(
    context: typer.Context,
    *,
    status: Status = None,
    host: Annotated[str | None, typer.Option(help="Only pages of this host.")] = None,
    error: Annotated[str | None, typer.Option(help="Only those that ended with this error.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Only those of this format.")] = None,
    external_id: Annotated[str | None, typer.Option(help="Only those with this name.")] = None,
    schedule: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this schedule.")] = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only those made before.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    json: JsonFields = None,
) -> None:
    """List your jobs, newest first.

    Example: renderfleet jobs --status failed --since 1h --json id,error.type
    """
    with client(context) as opened:
        found = opened.jobs.iter(
            status=status,
            host=host,
            error_type=error,
            format=format_,
            external_id=external_id,
            schedule_id=schedule,
            since=None if since is None else moment(since),
            until=None if until is None else moment(until),
            limit=limit,
        )
        show(found, _COLUMNS, json)


def job(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print each change until it has ended.")
    ] = False,
    attempts: Annotated[bool, typer.Option("--attempts", help="List its attempts.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Save what it has made; - is stdout.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", metavar="FILE", help="Save its evidence, a zip.")
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Open its page of the dashboard in a browser.")] = False,
    json: JsonFields = None,
) -> None:
    """Show a job. With --follow or -o the exit code is 1 if it did not succeed."""
    with client(context) as opened:
        if web:
            _browse(f"{opened.target.url}/ui/jobs/{segment(opened.jobs.get(id_).id)}")
            return
        if evidence is not None:
            evidence.write_bytes(opened.jobs.evidence(id_))
            return
        if attempts:
            show(opened.jobs.attempts(id_), _ATTEMPT_COLUMNS, json)
            return
        if follow:
            found = _followed(opened, id_, json)
        else:
            found = opened.jobs.succeed(id_) if output else opened.jobs.get(id_)
        if not follow and not output:
            _show_one(found, json)
        if output:
            write(output, opened.jobs.artifact(found), found)


def _followed(opened: Client, id_: str, fields: str | None) -> Job:
    """Print each change. Returns the ended job.

    Raises:
        JobFailed: it has not succeeded.
    """
    last: Job | None = None
    columns = (
        Column[Job]("status", lambda job: job.status),
        Column[Job]("attempt", lambda job: job.attempt),
        Column[Job]("error", lambda job: job.error.type if job.error else ""),
    )
    for change in opened.jobs.follow(id_):
        if fields is not None or not is_terminal():
            show([change], columns, fields)
        else:
            typer.echo(" ".join(plain(column.value(change)) for column in columns))
        last = change
    if last is None:
        last = opened.jobs.get(id_)
    if not last.has_succeeded:
        raise job_failed(last)
    NOTES.print(facts(last), markup=False)
    return last


def _show_one(job: Job, fields: str | None) -> None:
    if fields is not None:
        show([job], _COLUMNS, fields)
        return
    artifact, page, timings = job.artifact, job.page, job.timings_ms
    details(
        {
            "id": job.id,
            "status": job.status,
            "page": job.source,
            "made": job.created_at,
            "ended": job.finished_at,
            "attempt": f"{job.attempt} of {job.max_attempts}",
            "external id": job.external_id,
            "error": f"{job.error.type}: {job.error.detail}" if job.error else None,
            "title": page.title if page else None,
            "http status": page.http_status if page else None,
            "artifact": f"{artifact.status}, {artifact.content_type}" if artifact else None,
            "made of it": facts(job) if artifact else None,
            "total ms": timings.total if timings else None,
            "warnings": "; ".join(job.warnings),
            "retry of": job.retry_of,
            "schedule": job.schedule_id,
        }
    )


def _browse(address: str) -> None:
    """Open a page; also print its address, for where no browser is."""
    import webbrowser  # noqa: PLC0415 - no other command needs it

    typer.echo(address)
    if not webbrowser.open(address):
        NOTES.print("renderfleet: there is no browser here; open the address in one", markup=False)


def retry(
    context: typer.Context,
    ids: Ids,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new jobs have ended.")] = False,
) -> None:
    """Run ended jobs again, each as a new job; prints the new ids."""
    with client(context) as opened:
        made, code = _for_each(ids, opened.jobs.retry)
        for found in made:
            typer.echo(found.id)
        ended = list(opened.jobs.as_completed(made)) if wait else []
    for found in ended:
        NOTES.print(f"{found.id} {found.status}", markup=False)
    if any(not found.has_succeeded for found in ended):
        code = code or ExitCode.JOB_FAILED
    raise typer.Exit(code)


def move(
    context: typer.Context,
    ids: Ids,
    *,
    priority: Annotated[int, typer.Option(min=0, max=9, help="9 goes first, 0 last.")],
) -> None:
    """Give queued jobs another priority.

    They move ahead of others of yours, or back: to the place of a job that was made with this priority.

    Example: renderfleet move --priority 9 0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01
    """
    with client(context) as opened:
        moved, code = _for_each(ids, lambda id_: opened.jobs.move(id_, priority=priority))
        for found in moved:
            typer.echo(f"{found.id}\t{found.priority}")
    raise typer.Exit(code)


def cancel(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of jobs.")] = None,
    *,
    status: Annotated[str | None, typer.Option(help="All jobs that are queued, or running.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Cancel jobs, queued or running.

    Example: renderfleet cancel --status queued --yes
    """
    if (status is None) == (not ids):
        raise typer.BadParameter("name jobs, or --status queued or --status running")
    if status is not None and status not in _STATUSES:
        raise typer.BadParameter("only queued and running jobs can be cancelled", param_hint="--status")
    with client(context) as opened:
        wanted = list(ids or ())
        if status is not None:
            wanted = [found.id for found in opened.jobs.iter(status=status)]
            if wanted and not yes:
                typer.confirm(f"Cancel {len(wanted)} {status} jobs?", abort=True)
        cancelled, code = _for_each(wanted, opened.jobs.cancel)
        for found in cancelled:
            typer.echo(f"{found.id}\t{found.status}")
    raise typer.Exit(code)


def _for_each(ids: Iterable[str], act: Callable[[str], Job]) -> tuple[list[Job], ExitCode]:
    """Do the same with each job, also after a refusal. The code is that of the first refusal."""
    done: list[Job] = []
    code = ExitCode.OK
    for id_ in ids:
        try:
            done.append(act(id_))
        except ApiError as error:
            NOTES.print(f"{id_}: {clean(str(error))}", markup=False)
            code = code or code_of(error)
    return done, code
