"""What the code of a render calls, and which file it writes."""

from collections.abc import Mapping
from typing import Any, Final

# Where the file's ending is not the name of its format.
_ENDINGS: Final = {"jpeg": "jpg", "text": "txt", "markdown": "md"}
_PDF: Final = "pdf"
API_KEY: Final = "RENDERFLEET_API_KEY"


def format_of(request: Mapping[str, Any]) -> str:
    """The format of the result."""
    return str(request.get("format") or "png")


def is_pdf(request: Mapping[str, Any]) -> bool:
    """Whether the result is a PDF."""
    return format_of(request) == _PDF


def is_for_later(request: Mapping[str, Any]) -> bool:
    """Whether nobody waits for the result: it is rendered at a time of its own."""
    return request.get("run_at") is not None


def path_of(request: Mapping[str, Any]) -> str:
    """The call that answers with the file, or, if it is for later, with the job."""
    if is_for_later(request):
        return "/v1/jobs"
    return "/v1/pdf" if is_pdf(request) else "/v1/screenshot"


def file_name(request: Mapping[str, Any]) -> str:
    """A file for the result, such as `page.png`."""
    format_ = format_of(request)
    ending = _ENDINGS.get(format_, format_)
    return f"page.{ending}" if ending.isalnum() else "page"
