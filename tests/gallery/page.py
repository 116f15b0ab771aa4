"""docs/gallery.md, made from the entries and what came of them."""

import json
from collections.abc import Iterator
from typing import Final

from tests.gallery.entries.groups import GROUPS, NOT_SHOWN
from tests.gallery.entry import SIDES, Entry, Options
from tests.gallery.result import FOLDER, Result, Results
from tests.kit.paths import ROOT

PAGE: Final = ROOT / "docs" / "gallery.md"
# How large a picture is shown at most, in CSS pixels; a long one may be higher, to be still this wide.
_MAX_WIDTH: Final = 340
_MAX_HEIGHT: Final = 420
_LEAST_WIDTH: Final = 120

_HEAD: Final = """\
# Gallery

Each option of a picture, off and on, side by side. `python -m tests.gallery` renders all of it with the steps
of the product, and writes this page. The pages that are shown lie in `tests/site/gallery`;
`tests/gallery/entries/` has the requests. If nothing else is said, the window is 480 x 300 CSS pixels. What
the options do not do, and why, is told under [capture options](capture.md) and [readiness](readiness.md).

The pictures are stored again as WebP, so that the repository stays small, except where the file itself is
what the option is about.
"""


def text(results: Results) -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, entries in GROUPS.items():
        parts.append(f"\n## {title}\n")
        for entry in entries:
            parts.extend(_entry(entry, results))
    parts.append("\n## Options without a picture\n\n| option | because it |\n| --- | --- |\n")
    parts.extend(f"| `{name}` | {reason} |\n" for name, reason in NOT_SHOWN.items())
    return "".join(parts)


def _entry(entry: Entry, results: Results) -> Iterator[str]:
    yield f"\n### `{entry.option}`\n\n{entry.says}"
    if shared := {name: value for name, value in entry.common.items() if value is not None}:
        yield f" Both with {_code(shared)}."
    yield "\n\n"
    off = _code(entry.off) if entry.off else f"without `{entry.option}`"
    yield f"| {off} | {_code(entry.on)} |\n| --- | --- |\n"
    both = [results[f"{entry.option}-{side}"] for side in SIDES]
    yield f"| {' | '.join(_picture(entry, result) for result in both)} |\n"
    yield f"| {' | '.join(_facts(entry, result) for result in both)} |\n"


def _code(options: Options) -> str:
    """Options as one line of JSON; a table's cells end at a bar."""
    text = json.dumps(options, ensure_ascii=False).replace("{site}", "https://example.com")
    return f"`{text}`".replace("|", "\\|")


def _picture(entry: Entry, result: Result) -> str:
    if result.file is None:
        return "no picture"
    width = result.width_css
    height = result.height_px * width / result.width_px
    fitting = max(_LEAST_WIDTH, round(width * _MAX_HEIGHT / height))
    shown = min(width, _MAX_WIDTH, fitting)
    source = f"{FOLDER.relative_to(PAGE.parent)}/{result.file}"
    return f'<img src="{source}" width="{shown}" alt="{entry.option}: {entry.says.replace(chr(96), "")}">'


def _facts(entry: Entry, result: Result) -> str:
    if result.error:
        return f"fails with `{result.error[0]}`: {result.error[1]}"
    size = f"{result.width_px} x {result.height_px} pixels"
    if entry.is_kept:
        size += f", {result.size_bytes / 1000:.0f} KB"
    return "; ".join((size, *(f"warning: {warning}" for warning in result.warnings)))
