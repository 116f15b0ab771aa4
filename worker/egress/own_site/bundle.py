"""The files of a job as a site: the page that they make gets them, and nobody else.

Its host is below `localhost`. Chromium takes such an origin for as trustworthy as one of https, so that the
page is a secure context; and no name server is asked for it (RFC 6761, section 6.3). The port answers before
anything else is looked at. The port of another page has no bundle, and refuses the name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from fleet.render.files import INDEX
from worker.egress.own_site.site import FilePart, OwnAnswer, head

HOST: Final = "files.localhost"
ADDRESS: Final = f"http://{HOST}/{INDEX}"
# How many names of missing files are remembered.
_MAX_MISSING: Final = 100
# Browsers ask for it by themselves.
_UNASKED: Final = "favicon.ico"
_UTF8: Final = "charset=utf-8"
_TEXT: Final = f"text/plain; {_UTF8}"
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII)
# What `Sec-Fetch-Site` says of a request of the page itself, or of the navigation that opens it. Chromium
# sets it, and no script can change it (w3c.github.io/webappsec-fetch-metadata).
_OF_THE_PAGE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file, on this machine."""

    path: Path
    size_bytes: int
    content_type: str
    is_damaged_font: bool = False


class Bundle:
    """The files of a job.

    Attributes:
        host: see `OwnSite`.
        missing: names of files that the page has asked for and that are not there, in order.
        damaged_fonts: names of fonts that it has asked for and that are none.
    """

    host = HOST

    def __init__(self, files: Mapping[str, BundleFile]) -> None:
        self._files = dict(files)
        self.missing: dict[str, None] = {}
        self.damaged_fonts: dict[str, None] = {}

    def path_of(self, name: str) -> Path | None:
        """Where a file lies on this machine. None: there is none of this name."""
        file = self._files.get(name)
        return None if file is None else file.path

    def texts(self, *, max_bytes: int) -> dict[str, str]:
        """The files that are text in UTF-8, by name; of large ones only so many that they fit."""
        found: dict[str, str] = {}
        for name, file in self._files.items():
            if file.content_type.endswith(_UTF8) and file.size_bytes <= max_bytes:
                found[name] = file.path.read_text("utf-8")
                max_bytes -= file.size_bytes
        return found

    def replace_index(self, contents: bytes) -> None:
        """Give `index.html` other contents, on disk too."""
        old = self._files[INDEX]
        old.path.write_bytes(contents)
        self._files[INDEX] = BundleFile(old.path, len(contents), old.content_type)

    def answer(self, method: bytes, target: bytes, fields: Sequence[bytes]) -> OwnAnswer:
        """See `OwnSite`."""
        if method not in {b"GET", b"HEAD"}:
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Files can only be read.", "Allow: GET, HEAD")
        given = _by_name(fields)
        if given.get("sec-fetch-site") not in _OF_THE_PAGE:
            return _refusal(HTTPStatus.FORBIDDEN, "These files are for their own page alone.")
        name, file = self._found(target)
        if file is None:
            if name != _UNASKED and len(self.missing) < _MAX_MISSING:
                self.missing[name] = None
            return _refusal(HTTPStatus.NOT_FOUND, "There is no such file.")
        if file.is_damaged_font:
            self.damaged_fonts[name] = None
        answer = _whole(file) if (wanted := given.get("range")) is None else _part(file, wanted)
        return answer if method == b"GET" else OwnAnswer(answer.head)

    def _found(self, target: bytes) -> tuple[str, BundleFile | None]:
        """The name that a path means, and its file. A folder means the `index.html` in it."""
        path = target.partition(b"?")[0].decode("ascii")
        name = unquote(path, errors="replace").removeprefix("/")
        if not name or name.endswith("/"):
            name += INDEX
        return name, self._files.get(name)


def _by_name(fields: Sequence[bytes]) -> dict[str, str]:
    pairs = (field.decode("latin-1").partition(":") for field in fields)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _refusal(status: HTTPStatus, words: str, *more: str) -> OwnAnswer:
    body = f"{words}\n".encode()
    return OwnAnswer(head(status, _TEXT, len(body), *more), body)


def _whole(file: BundleFile) -> OwnAnswer:
    first = head(HTTPStatus.OK, file.content_type, file.size_bytes, "Accept-Ranges: bytes")
    return OwnAnswer(first, file=FilePart(file.path, 0, file.size_bytes))


def _part(file: BundleFile, wanted: str) -> OwnAnswer:
    """One range of bytes, as a video is played by (RFC 9110, section 14). Anything else gets the whole."""
    size, found = file.size_bytes, _RANGE.fullmatch(wanted)
    if found is None or not any(found.groups()):
        return _whole(file)
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if last < first < size:
            return _whole(file)
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first >= size:
        range_ = f"Content-Range: bytes */{size}"
        return _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The file is shorter.", range_)
    length = last - first + 1
    range_ = f"Content-Range: bytes {first}-{last}/{size}"
    return OwnAnswer(
        head(HTTPStatus.PARTIAL_CONTENT, file.content_type, length, range_),
        file=FilePart(file.path, first, length),
    )
