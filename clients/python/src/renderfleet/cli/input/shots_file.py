"""The file of `renderfleet multi`: a list of pages, in the format of shot-scraper's shots.yml.

https://shot-scraper.datasette.io/en/stable/multi.html describes the format. Keys that are no words of it are
options of the API, so that everything can be said in the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from renderfleet.cli.input.areas import AREA_SELECTOR, area_script
from renderfleet.cli.input.sources import source_of
from renderfleet.cli.output.files import format_of

# shot-scraper's own window.
_WIDTH: Final = 1280
_HEIGHT: Final = 780
_RENAMED: Final = {
    "wait": "delay_ms",
    "wait_for": "wait_for_function",
    "padding": "selector_padding_px",
    "scale_factor": "device_scale_factor",
}
# They run programs, or are of another browser: what they would change is not done, so they are refused.
_REFUSED: Final = ("sh", "python", "server", "har", "browser", "browser_args")
_AREAS: Final = ("selectors", "selector_all", "selectors_all")
_JS_AREAS: Final = ("js_selector", "js_selectors", "js_selector_all", "js_selectors_all")


class ShotsFileError(Exception):
    """The file is not usable; the message says where and why."""


@dataclass(frozen=True, slots=True)
class PlannedShot:
    """One entry of the file.

    Attributes:
        output: the file to write; None: a name made of the page.
        page: what is rendered, as it stands in the file.
        request: the options of the job.
    """

    output: str | None
    page: str
    request: Mapping[str, Any]


def read_shots(text: str, *, retina: bool = False) -> list[PlannedShot]:
    """The entries of a file.

    Args:
        text: of the file.
        retina: double all pictures' dimensions.

    Raises:
        ShotsFileError: it is no such file, or asks for what is not done.
    """
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ShotsFileError(f"it is not YAML: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise ShotsFileError("it must be a list of pages, each with `url`")
    return [_planned(number, entry, retina=retina) for number, entry in enumerate(entries, 1)]


def _planned(number: int, entry: object, *, retina: bool) -> PlannedShot:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
        raise ShotsFileError(f"entry {number} has no `url`")
    for name in _REFUSED:
        if name in entry:
            raise ShotsFileError(f"entry {number}: `{name}` is not done by renderfleet; remove it")
    rest = dict(entry)
    page, output = rest.pop("url"), rest.pop("output", None)
    request: dict[str, Any] = {**source_of(page), "format": _format(output, rest)}
    request |= _window(rest)
    if retina:
        request["device_scale_factor"] = 2
    scripts = [*_scripts(rest), *_area(rest, request)]
    if scripts:
        request["scripts"] = scripts
    request |= {_RENAMED.get(name, name): value for name, value in rest.items()}
    return PlannedShot(output, page, request)


def _format(output: str | None, rest: Mapping[str, Any]) -> str:
    """Of the file's name; a quality makes it a jpeg, as shot-scraper does."""
    found = format_of(output, "png")
    return "jpeg" if "quality" in rest and found == "png" else found


def _window(rest: dict[str, Any]) -> dict[str, Any]:
    """Without a height the whole page is shown, unless a part of it is asked for."""
    width, height = rest.pop("width", None), rest.pop("height", None)
    window: dict[str, Any] = {"viewport": {"width": width or _WIDTH, "height": height or _HEIGHT}}
    is_part = any(name in rest for name in ("selector", "clip", *_AREAS, *_JS_AREAS))
    if height is None and not is_part:
        window["full_page"] = True
    return window


def _scripts(rest: dict[str, Any]) -> Iterator[str]:
    if "javascript" in rest:
        yield str(rest.pop("javascript"))
    if "js_file" in rest:
        path = Path(str(rest.pop("js_file")))
        try:
            yield path.read_text()
        except OSError as error:
            raise ShotsFileError(f"{path} cannot be read: {error.strerror}") from None


def _area(rest: dict[str, Any], request: dict[str, Any]) -> Iterator[str]:
    """The script that marks what several selectors, or selectors in JavaScript, match."""
    first = _listed(rest.pop("selectors", []))
    every = _listed(rest.pop("selector_all", [])) + _listed(rest.pop("selectors_all", []))
    js_first = _listed(rest.pop("js_selector", [])) + _listed(rest.pop("js_selectors", []))
    js_every = _listed(rest.pop("js_selector_all", [])) + _listed(rest.pop("js_selectors_all", []))
    if not (first or every or js_first or js_every):
        return
    if "selector" in rest:
        first.append(rest.pop("selector"))
    request["selector"] = AREA_SELECTOR
    yield area_script(first, every, js_first, js_every)


def _listed(value: object) -> list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one) for one in value]
    return [str(value)]
