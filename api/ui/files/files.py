"""Style sheets and scripts, under names with a digest, so that browsers may keep them for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.problems import RefusedError
from api.ui.dashboard_page import ROOT
from api.ui.files.vendored_files import VENDORED
from fleet.errors import ErrorType

_FOLDER: Final = Path(__file__).parent
_OWN: Final = (
    "dashboard.css",
    "dashboard.js",
    "history.js",
    "icon.svg",
    "jobs.css",
    "jobs.js",
    "playground.js",
)
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_YEAR: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

router = APIRouter(prefix=f"{ROOT}/files")


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One file as it is sent."""

    address: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def _files() -> dict[str, ServedFile]:
    """All files, by their own names. They take 0.2 MB, from the first page on."""
    paths = [_FOLDER / name for name in _OWN] + [_FOLDER / "vendored" / one.name for one in VENDORED]
    return {path.name: _served(path) for path in paths}


def _served(path: Path) -> ServedFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    address = f"{ROOT}/files/{digest}-{path.name}"
    return ServedFile(address, _MEDIA_TYPES[path.suffix], content, gzip.compress(content, mtime=0))


def address_of(name: str) -> str:
    """The address of a file, with its digest.

    Raises:
        KeyError: there is no such file.
    """
    return _files()[name].address


@router.get("/{name}")
async def read_file(name: str, request: Request) -> Response:
    """A file, for anybody: it has no secret."""
    found = next((one for one in _files().values() if one.address.endswith(f"/{name}")), None)
    if found is None:
        raise RefusedError(ErrorType.NOT_FOUND, "there is no such file; load the page again")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**_YEAR, "Content-Encoding": "gzip"}
        return Response(found.compressed, HTTPStatus.OK, headers, found.media_type)
    return Response(found.content, HTTPStatus.OK, _YEAR, found.media_type)
