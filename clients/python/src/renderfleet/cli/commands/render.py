"""`renderfleet shot` and `renderfleet pdf`: one page, one file."""

from typing import Annotated, Any

import typer

from renderfleet.blocking.client import Client
from renderfleet.cli.input import options
from renderfleet.cli.input.sources import SOURCES, source_of
from renderfleet.cli.output.files import format_of, free_name, write
from renderfleet.cli.output.terminal import NOTES
from renderfleet.cli.session import client
from renderfleet.errors import ApiError
from renderfleet.models.jobs import Job

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="PAGE",
        help="An address, a file (html, md), a folder with index.html, or -. None: --request says it.",
    ),
]


def shot(
    context: typer.Context,
    page: Source = None,
    *,
    output: options.Output = None,
    full_page: options.FullPage = False,
    width: options.Width = None,
    height: options.Height = None,
    scale: options.Scale = None,
    selector: options.Selector = None,
    device: options.Device = None,
    dark: options.Dark = False,
    css: options.Css = None,
    javascript: options.Javascript = None,
    wait_for: options.WaitFor = None,
    wait: options.Wait = None,
    quality: options.Quality = None,
    format_: options.Format = None,
    external_id: options.ExternalId = None,
    option: options.More = None,
    request: options.Request = None,
    timeout: options.Timeout = None,
    no_wait: options.NoWait = False,
) -> None:
    """Make a picture of a page. Without -o the file is named after the page.

    Example: renderfleet shot example.com -o a.png --full-page -w 1440 --scale 2
    """
    named = {
        "full_page": full_page,
        "viewport": options.window(width, height),
        "device_scale_factor": scale,
        "selector": selector,
        "device": device,
        "color_scheme": "dark" if dark else None,
        "styles": css,
        "scripts": javascript,
        "wait_for_selector": wait_for,
        "delay_ms": wait,
        "quality": quality,
        "format": format_ or format_of(output, "png"),
        "external_id": external_id,
    }
    wanted = _wanted(page, options.given(named, option, request))
    _render(context, wanted, page, output, timeout, is_awaited=not no_wait)


def pdf(
    context: typer.Context,
    page: Source = None,
    *,
    output: options.Output = None,
    paper: Annotated[str | None, typer.Option("--paper", help="Such as A4 or Letter.")] = None,
    landscape: Annotated[bool, typer.Option("--landscape", help="Wide instead of high.")] = False,
    margin: Annotated[str | None, typer.Option("--margin", help="On all sides, such as 2cm.")] = None,
    pages: Annotated[str | None, typer.Option("--pages", help="Such as 1-3,5.")] = None,
    single_page: Annotated[
        bool, typer.Option("--single-page", help="One page, as long as it takes.")
    ] = False,
    css: options.Css = None,
    javascript: options.Javascript = None,
    wait_for: options.WaitFor = None,
    wait: options.Wait = None,
    external_id: options.ExternalId = None,
    option: options.More = None,
    request: options.Request = None,
    timeout: options.Timeout = None,
    no_wait: options.NoWait = False,
) -> None:
    """Print a page as a PDF. Without -o the file is named after the page.

    Example: renderfleet pdf invoice.html -o invoice.pdf
    """
    printing: dict[str, Any] = {
        "format": paper,
        "landscape": landscape or None,
        "margin": None if margin is None else dict.fromkeys(("top", "right", "bottom", "left"), margin),
        "page_ranges": pages,
        "single_page": single_page or None,
    }
    named = {
        "pdf": {name: value for name, value in printing.items() if value is not None} or None,
        "styles": css,
        "scripts": javascript,
        "wait_for_selector": wait_for,
        "delay_ms": wait,
        "format": "pdf",
        "external_id": external_id,
    }
    wanted = _wanted(page, options.given(named, option, request))
    _render(context, wanted, page, output, timeout, is_awaited=not no_wait)


def _wanted(page: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The request for a page with these options.

    Raises:
        typer.BadParameter: nothing says which page.
    """
    if page is not None:
        return {**source_of(page), **given}
    if given.keys().isdisjoint(SOURCES):
        raise typer.BadParameter("give a page, or a --request that has one", param_hint="PAGE")
    return given


def _render(
    context: typer.Context,
    wanted: dict[str, Any],
    page: str | None,
    output: str | None,
    timeout_s: float | None,
    *,
    is_awaited: bool,
) -> None:
    with client(context) as opened:
        job = opened.jobs.submit(wanted)
        if not is_awaited:
            typer.echo(job.id)
            return
        job = awaited(opened, job, timeout_s)
        write(
            output or free_name(page or wanted.get("url") or "page", wanted["format"]),
            opened.jobs.artifact(job),
            job,
        )


def awaited(opened: Client, job: Job, timeout_s: float | None) -> Job:
    """Wait for a job's success; on a terminal, say meanwhile what it is doing.

    Raises:
        JobFailed: it has ended in another way.
        WaitingEnded: it has not ended in time.
    """
    if not NOTES.is_terminal or timeout_s is not None:
        return opened.jobs.succeed(job, timeout_s=timeout_s)
    with NOTES.status(f"{job.status} ...") as line:
        try:
            for change in opened.jobs.follow(job):
                job = change
                line.update(
                    f"{job.status}, attempt {job.attempt} ..." if job.attempt > 1 else f"{job.status} ..."
                )
        except ApiError:
            line.update("waiting ...")  # the server follows no more jobs now: it is waited for
        return opened.jobs.succeed(job)
