"""What a person means by the word after `shot` or `pdf`: an address, a file, a folder, or standard input."""

import base64
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import typer

# The options of a request of which one says what is rendered.
SOURCES: Final = frozenset({"url", "html", "template", "markdown", "files"})
_MARKDOWN: Final = frozenset({".md", ".markdown"})
# No top-level domains: who writes `invoice.html` means a file.
_FILES_ALONE: Final = (".html", ".htm", ".markdown")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def source_of(word: str) -> dict[str, Any]:
    """The option of a request that says what is rendered.

    Raises:
        typer.BadParameter: there is no such file, and it is no address.
    """
    if word == "-":
        return {"html": sys.stdin.read()}
    if word.startswith(("http://", "https://")):
        return {"url": word}
    path = Path(word)
    if path.is_dir():
        return {"files": _files(path)}
    if path.is_file():
        kind = "markdown" if path.suffix.lower() in _MARKDOWN else "html"
        return {kind: _text_of(path)}
    return {"url": _address(word)}


def _text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        typer.BadParameter: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is no text in UTF-8, so it is no page") from None


def _files(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode() for path in files
    }


def _address(word: str) -> str:
    """`example.com` as an address: https, but http for this machine.

    Raises:
        typer.BadParameter: it cannot be the name of a host.
    """
    host = urlsplit(f"//{word}").hostname or ""
    if host in _LOCAL or host.startswith("127."):
        return f"http://{word}"
    if "." not in host or " " in word or word.lower().endswith(_FILES_ALONE):
        raise typer.BadParameter(f"{word!r} is no address, and there is no such file")
    return f"https://{word}"
