"""Renders the gallery: the child process of `python -m tests.gallery`, which has the user for it."""

import asyncio
import io
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import trustme
from PIL import Image, ImageChops, ImageDraw

from fleet.errors import RenderError
from tests.gallery import page
from tests.gallery.entries.groups import ENTRIES
from tests.gallery.entry import SIDES, Entry, Options
from tests.gallery.result import FOLDER, Result, Results, path_of, read_results, write_results
from tests.kit.servers.recording_server import recording_server
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site import gallery
from tests.site.server import Site

_SQUARE_PX: Final = 10
# A picture that would be larger without loss is stored with some.
_MAX_LOSSLESS_BYTES: Final = 60_000


async def render_all(names: list[str]) -> int:
    """Render the options of these names, or all; write pictures, results and page.

    Returns:
        How many options show no difference between off and on.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    results, alike = read_results() if names else {}, 0
    with Site() as site:
        async with browser_stage(site, browser_max_pages=1) as stage:
            for entry in ENTRIES:
                if not names or entry.option in names:
                    results |= await _both(stage, entry)
                    if _is_alike(entry, results):
                        alike += 1
                        print(f"{entry.option}: off and on are the same", file=sys.stderr)
    known = {f"{entry.option}-{side}" for entry in ENTRIES for side in SIDES}
    results = {name: result for name, result in results.items() if name in known}
    write_results(results)
    page.PAGE.write_text(page.text(results))
    return alike


async def _both(stage: BrowserStage, entry: Entry) -> Results:
    async with _address(stage, entry) as (url, origin):
        return {f"{entry.option}-{side}": await _one(stage, entry, side, url, origin) for side in SIDES}


@asynccontextmanager
async def _address(stage: BrowserStage, entry: Entry) -> AsyncIterator[tuple[str, str]]:
    """The page's address, and its origin."""
    if not entry.is_secure:
        yield stage.site.url(f"/gallery/{entry.page}"), stage.site.url("")
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("another.example").configure_cert(context)
    html = (gallery.FOLDER / f"{entry.page}.html").read_text()
    style = f"<style>{gallery.STYLE.read_text()}</style>"
    async with recording_server(
        html.replace("<link rel=stylesheet href=/gallery/base.css>", style), tls=context
    ) as secure:
        origin = f"https://127.0.0.1:{secure.port}"
        yield f"{origin}/", origin


async def _one(stage: BrowserStage, entry: Entry, side: str, url: str, origin: str) -> Result:
    options = _at_site(entry.request(side), origin)
    result = Result(source=entry.source(side))
    try:
        rendered = await stage.render(url=url, **options)
    except RenderError as error:
        said = (error.detail or "").replace(origin, "https://example.com")
        return replace(result, error=(error.type.value, said))
    artifact = rendered.artifact
    assert artifact.width_px is not None
    assert artifact.height_px is not None
    scale = 2 if "iPhone" in options.get("device", "") else options.get("device_scale_factor", 1)
    return replace(
        result,
        file=_keep(stage.output, f"{entry.option}-{side}", options, is_kept=entry.is_kept),
        width_px=artifact.width_px,
        height_px=artifact.height_px,
        width_css=round(artifact.width_px / scale),
        size_bytes=artifact.size_bytes,
        warnings=tuple(warning.replace(origin, "https://example.com") for warning in rendered.warnings),
    )


def _at_site(options: Any, origin: str) -> Any:
    """The options, with the origin of the site where they name it."""
    if isinstance(options, dict):
        return {name: _at_site(value, origin) for name, value in options.items()}
    if isinstance(options, list):
        return [_at_site(value, origin) for value in options]
    return origin if options == "{site}" else options


def _keep(artifact: Path, name: str, options: Options, *, is_kept: bool) -> str:
    """Put a picture into the folder; the name of the file."""
    if is_kept:
        file = f"{name}.{options.get('format', 'png')}"
        shutil.copyfile(artifact, path_of(file))
        return file
    with Image.open(artifact) as opened:
        picture = opened.convert("RGBA")
    is_opaque = picture.getchannel("A").histogram()[255] == picture.width * picture.height
    shown = picture if is_opaque else _squares(picture.size)
    shown.alpha_composite(picture)
    data = io.BytesIO()
    shown.convert("RGB").save(data, "WEBP", lossless=True, quality=100, method=6)
    if len(data.getvalue()) > _MAX_LOSSLESS_BYTES:
        data = io.BytesIO()
        shown.convert("RGB").save(data, "WEBP", quality=80, method=6)
    path_of(f"{name}.webp").write_bytes(data.getvalue())
    return f"{name}.webp"


def _squares(size: tuple[int, int]) -> Image.Image:
    """Grey and white squares, which stand for what is transparent."""
    board = Image.new("RGBA", size, "white")
    draw = ImageDraw.Draw(board)
    for left in range(0, size[0], _SQUARE_PX):
        for top in range(left // _SQUARE_PX % 2 * _SQUARE_PX, size[1], 2 * _SQUARE_PX):
            draw.rectangle((left, top, left + _SQUARE_PX - 1, top + _SQUARE_PX - 1), "#d0d5da")
    return board


def _is_alike(entry: Entry, results: Results) -> bool:
    """Whether nobody could tell from the two results which has the option."""
    off, on = (results[f"{entry.option}-{side}"] for side in SIDES)
    if off.file is None or on.file is None:
        return off.file == on.file
    if entry.is_kept:
        return off.size_bytes == on.size_bytes
    with Image.open(path_of(off.file)) as first, Image.open(path_of(on.file)) as second:
        return first.size == second.size and ImageChops.difference(first, second).getbbox() is None


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(render_all(sys.argv[1:])) else 0)
