"""`renderfleet link`: an address that shows a picture to people without an API key."""

import html as markup
from typing import Annotated

import typer

from renderfleet.cli.input import options
from renderfleet.cli.input.sources import source_of
from renderfleet.cli.session import client
from renderfleet.cli.times import duration


def link(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="PAGE", help="The address of the page.")],
    *,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="How long it works, such as 12h or 30d.")
    ] = "30d",
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF instead of a picture.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Print an <img> instead of the address.")] = False,
    placeholder: Annotated[
        str | None, typer.Option(help="transparent or error: the picture to show if a load fails.")
    ] = None,
    full_page: options.FullPage = False,
    width: options.Width = None,
    height: options.Height = None,
    scale: options.Scale = None,
    format_: options.Format = None,
    option: options.More = None,
) -> None:
    """Print a signed link. Its picture is rendered when somebody loads it.

    Example: renderfleet link example.com --width 1200 --expires 30d --html
    """
    source = source_of(page)
    if "url" not in source:
        raise typer.BadParameter("a link shows the page of an address", param_hint="PAGE")
    named = {
        "full_page": full_page,
        "viewport": options.window(width, height),
        "device_scale_factor": scale,
        "format": format_,
    }
    wanted = options.given(named, option, None)
    with client(context) as opened:
        if pdf:
            address = opened.links.pdf(source["url"], expires=duration(expires), **wanted)
        else:
            address = opened.links.screenshot(
                source["url"], expires=duration(expires), placeholder=placeholder, **wanted
            )
    typer.echo(_image(address, source["url"], width, height) if html else address)


def _image(address: str, page: str, width: int | None, height: int | None) -> str:
    sides = "".join(f' {name}="{side}"' for name, side in (("width", width), ("height", height)) if side)
    return f'<img src="{markup.escape(address)}"{sides} alt="{markup.escape(page)}">'
