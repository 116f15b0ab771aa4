"""`renderfleet multi`: many pages of one file, made at the same time."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from renderfleet.blocking.client import Client
from renderfleet.cli.exit_codes import ExitCode
from renderfleet.cli.input.shots_file import PlannedShot, ShotsFileError, read_shots
from renderfleet.cli.output.files import free_name, write
from renderfleet.cli.output.terminal import NOTES, clean
from renderfleet.cli.session import client
from renderfleet.models.jobs import Job

_REJECTED = "http_status_rejected"


def multi(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The list of pages, as YAML; - is standard input.")
    ],
    *,
    output: Annotated[
        list[str] | None, typer.Option("--output", "-o", metavar="FILE", help="Only those with this output.")
    ] = None,
    no_clobber: Annotated[bool, typer.Option("--no-clobber", "-n", help="Skip files that exist.")] = False,
    retina: Annotated[bool, typer.Option("--retina", help="Double the dimensions of all pictures.")] = False,
    auth: Annotated[
        Path | None, typer.Option("--auth", "-a", exists=True, help="What Playwright has saved of a session.")
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Pages that answer 4xx or 5xx fail.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Pages that answer 4xx or 5xx are left out.")] = False,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Wait no longer for each.")] = None,
) -> None:
    """Make the pictures that a file lists, in shot-scraper's format. One that fails keeps no other from it.

    Example: renderfleet multi shots.yml
    """
    try:
        planned = read_shots(sys.stdin.read() if file == "-" else Path(file).read_text(), retina=retina)
    except (ShotsFileError, OSError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from None
    wanted = [
        shot
        for shot in planned
        if (not output or shot.output in output)
        and not (no_clobber and shot.output is not None and Path(shot.output).exists())
    ]
    more: dict[str, Any] = {"fail_on_status": ["4xx", "5xx"]} if fail or skip else {}
    if auth is not None:
        more["storage_state"] = json.loads(auth.read_text())
    with client(context) as opened:
        is_well = _make(opened, wanted, more, timeout, is_skipping=skip)
    raise typer.Exit(ExitCode.OK if is_well else ExitCode.JOB_FAILED)


def _make(
    opened: Client,
    wanted: Sequence[PlannedShot],
    more: dict[str, Any],
    timeout_s: float | None,
    *,
    is_skipping: bool,
) -> bool:
    """Make all jobs, and save what they make as they end. Returns whether all went well."""
    if not wanted:
        NOTES.print("nothing to do")
        return True
    items = opened.jobs.submit_batch([{**shot.request, **more} for shot in wanted])
    by_id: dict[str, PlannedShot] = {}
    is_well = True
    for shot, item in zip(wanted, items, strict=True):
        if item.job is not None:
            by_id[item.job.id] = shot
        else:
            is_well = False
            NOTES.print(
                f"{clean(shot.page)}: {item.error.detail if item.error else 'refused'}",
                style="red",
                markup=False,
            )
    with Progress(console=NOTES, transient=True, disable=not NOTES.is_terminal) as progress:
        task = progress.add_task("rendering", total=len(by_id))
        for job in opened.jobs.as_completed(list(by_id), timeout_s=timeout_s):
            is_well &= _saved(opened, job, by_id[job.id], is_skipping=is_skipping)
            progress.advance(task)
    return is_well


def _saved(opened: Client, job: Job, shot: PlannedShot, *, is_skipping: bool) -> bool:
    if job.has_succeeded:
        write(
            shot.output or free_name(shot.page, str(shot.request["format"])), opened.jobs.artifact(job), job
        )
        return True
    is_skipped = is_skipping and job.error is not None and job.error.type == _REJECTED
    reason = job.error.detail if job.error else job.status
    NOTES.print(f"{clean(shot.page)}: {clean(reason)}", style="yellow" if is_skipped else "red", markup=False)
    return is_skipped
