"""`renderfleet compare` and `renderfleet schedule diff`: what changed between two pictures."""

from pathlib import Path
from typing import Annotated, TypeAlias

import httpx2
import typer

from renderfleet.cli.output.terminal import details, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.errors import ServerUnreachable
from renderfleet.models.comparisons import PictureComparison

DOWNLOAD_TIMEOUT_S = 60.0
Method: TypeAlias = Annotated[
    str | None, typer.Option(help="visible (what a person can see), pixels or perceptual.")
]
Picture: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the difference picture.")
]


def compare(
    context: typer.Context,
    newer: Annotated[str, typer.Argument(metavar="NEWER", help="The job of the newer picture.")],
    older: Annotated[str, typer.Argument(metavar="OLDER", help="The job of the older picture.")],
    *,
    method: Method = None,
    output: Picture = None,
    json: JsonFields = None,
) -> None:
    """Say how the pictures of two jobs differ."""
    with client(context) as opened:
        tell(opened.jobs.compare(newer, older, **asked(method)), output, json)


def asked(method: str | None) -> dict[str, str]:
    """The options of a comparison."""
    return {} if method is None else {"method": method}


def tell(found: PictureComparison, output: Path | None, fields: str | None) -> None:
    """Print a comparison, and save its difference picture if there is one.

    Raises:
        ServerUnreachable: the picture cannot be fetched.
    """
    if fields is not None:
        show([found], (), fields)
    else:
        details(
            {
                "equal": found.equal,
                "distance": found.distance,
                "method": found.method,
                "sizes differ": found.sizes_differ,
                "places": len(found.boxes),
                "compared with": found.compared_with,
            }
        )
    if output is not None and found.difference is not None and found.difference.url is not None:
        output.write_bytes(_fetched(found.difference.url))


def _fetched(url: str) -> bytes:
    """What is at a presigned address. It gets no API key: it may be another server."""
    try:
        return httpx2.get(url, timeout=DOWNLOAD_TIMEOUT_S).raise_for_status().content
    except httpx2.HTTPError as error:
        raise ServerUnreachable(f"the difference picture cannot be fetched: {error}") from error
