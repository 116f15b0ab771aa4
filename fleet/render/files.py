"""The files that a page is made of: `index.html` and what it refers to, by name.

A file is a file: nothing is unpacked, so that a zip archive, however much it would become, is only its bytes.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema

from fleet.input.field_errors import rule_error

INDEX: Final = "index.html"
MAX_FILES: Final = 1_000
MAX_FILES_BYTES: Final = 64 * 1024 * 1024
# The longest name that file systems have.
MAX_NAME_BYTES: Final = 255
# The key of pydantic's validation context that lets `UploadedFile` stand for contents: where the request is
# read as it was stored. A caller must not name files that somebody else has uploaded.
UPLOADS_CONTEXT: Final = "uploads"
# Of a name in an error.
_SHOWN_CHARACTERS: Final = 100


class UploadedFile(BaseModel):
    """A file that does not lie in the request, but in the store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_bytes: int = Field(ge=0, le=MAX_FILES_BYTES)
    sha256: str = Field(min_length=64, max_length=64)


def name_error(name: str) -> str | None:
    """What is wrong with the name of a file; None: nothing.

    A name is a relative path, as in a folder: `index.html`, `fonts/body.woff2`.
    """
    return next((words for words, is_wrong in _NAME_RULES if is_wrong(name)), None)


_NAME_RULES: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("has no name", lambda name: not name),
    (
        f"has a name of more than {MAX_NAME_BYTES} bytes",
        lambda name: len(name.encode(errors="replace")) > MAX_NAME_BYTES,
    ),
    (
        "has a control character in its name",
        lambda name: any(character < " " or character == "\x7f" for character in name),
    ),
    ("has a name that is not valid Unicode", lambda name: any("\ud800" <= one <= "\udfff" for one in name)),
    ("has a backslash in its name; folders are separated by `/`", lambda name: "\\" in name),
    ("has an absolute name; names are relative to `index.html`", lambda name: name.startswith("/")),
    (
        "has a part in its name that is empty, `.` or `..`",
        lambda name: not {"", ".", ".."}.isdisjoint(name.split("/")),
    ),
)


def shown(name: str) -> str:
    """A name for an error: not too long, and without characters that cannot be shown."""
    short = name if len(name) <= _SHOWN_CHARACTERS else f"{name[: _SHOWN_CHARACTERS - 1]}…"
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short
    )


def set_error(names: Mapping[str, Any], total_bytes: int) -> str | None:
    """What is wrong with the files together; None: nothing."""
    if len(names) > MAX_FILES:
        return f"has {len(names):,} files; at most {MAX_FILES:,} are allowed"
    if INDEX not in names:
        return f"has no `{INDEX}`, which is the page"
    if total_bytes > MAX_FILES_BYTES:
        return f"has {total_bytes:,} bytes; at most {MAX_FILES_BYTES:,} are allowed"
    return None


def contents_of(text: str) -> bytes:
    """The bytes of a file that lies in the request.

    Raises:
        ValueError: it is not base64 (RFC 4648, section 4).
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None


def size_of(file: str | UploadedFile) -> int:
    """Bytes of a file, without decoding it."""
    if isinstance(file, UploadedFile):
        return file.size_bytes
    return len(file) // 4 * 3 - file[-2:].count("=")


def _read_files(value: dict[str, Any], info: ValidationInfo) -> dict[str, str | UploadedFile]:
    may_be_uploaded = bool((info.context or {}).get(UPLOADS_CONTEXT))
    files: dict[str, str | UploadedFile] = {}
    for name, given in value.items():
        if (error := name_error(name)) is not None:
            raise rule_error(shown(name) or '""', error)
        files[name] = _read_file(name, given, may_be_uploaded=may_be_uploaded)
    if (error := set_error(files, sum(map(size_of, files.values())))) is not None:
        raise ValueError(error)
    return files


def _read_file(name: str, given: Any, *, may_be_uploaded: bool) -> str | UploadedFile:
    if may_be_uploaded and isinstance(given, dict | UploadedFile):
        return UploadedFile.model_validate(given)
    try:
        if isinstance(given, str):
            contents_of(given)
            return given
    except ValueError:
        pass
    raise rule_error(
        shown(name), "is not base64", allowed="text in base64, with padding and without line ends"
    )


_JSON_SCHEMA: Final = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": MAX_FILES,
    "additionalProperties": {"type": "string", "contentEncoding": "base64"},
}
# Each value is the base64 of a file, or an `UploadedFile`.
Files = Annotated[dict[str, Any], AfterValidator(_read_files), WithJsonSchema(_JSON_SCHEMA)]
