"""What came of each request of the gallery: kept beside the pictures, so that one sees which are stale."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.kit.paths import ROOT

FOLDER: Final = ROOT / "docs" / "images" / "gallery"
_FILE: Final = FOLDER / "results.json"


@dataclass(frozen=True, slots=True)
class Result:
    """One picture, or why there is none.

    Attributes:
        source: of the request and the page that it was made from (`Entry.source`).
        file: name of the picture in its folder; None: the render failed.
        width_px: of the picture as it was delivered.
        height_px: of the same.
        width_css: its width in CSS pixels.
        size_bytes: of the same.
        warnings: of the job.
        error: type and words; None: it did not fail.
    """

    source: str
    file: str | None = None
    width_px: int = 0
    height_px: int = 0
    width_css: int = 0
    size_bytes: int = 0
    warnings: tuple[str, ...] = ()
    error: tuple[str, str] | None = None


Results = dict[str, Result]  # by option and side, such as `clip-on`


def read_results() -> Results:
    """Those of the last run; none if there was none."""
    if not _FILE.exists():
        return {}
    return {
        name: Result(
            **{
                **fields,
                "warnings": tuple(fields["warnings"]),
                "error": tuple(fields["error"]) if fields["error"] else None,
            }
        )
        for name, fields in json.loads(_FILE.read_text()).items()
    }


def write_results(results: Results) -> None:
    """Replace those of the last run, and remove the pictures that no result names any more."""
    named = {result.file for result in results.values()}
    for path in FOLDER.iterdir():
        if path.name not in named and path != _FILE:
            path.unlink()
    _FILE.write_text(
        json.dumps({name: asdict(result) for name, result in sorted(results.items())}, indent=1) + "\n"
    )


def path_of(file: str) -> Path:
    """Where a picture of the gallery lies."""
    return FOLDER / file
