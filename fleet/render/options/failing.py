"""What makes a render fail although there is a page: its status, its text, its errors."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

from fleet.input.field_errors import NOT_BLANK

MAX_STATUSES: Final = 100
MAX_TEXTS: Final = 50
MAX_TEXT_LENGTH: Final = 1_000
_STATUS: Final = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.ASCII)


def _text(status: Any) -> Any:
    """A number as text, so that `404` and `"404"` mean the same; a signed link has only text."""
    return str(status) if isinstance(status, int) and not isinstance(status, bool) else status


def _status(status: str) -> str:
    status = status.lower()
    if not _STATUS.fullmatch(status):
        raise ValueError("is no HTTP status: give a number such as 404, or a class such as 4xx")
    return status


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in an order that does not depend on the caller's: equal lists make equal requests."""
    return tuple(sorted(set(values)))


Status = Annotated[
    str,
    BeforeValidator(_text),
    AfterValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5]([0-9]{2}|[xX]{2})$"},
            ]
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=NOT_BLANK)]
Texts = Annotated[tuple[Text, ...], AfterValidator(_once)]


class FailingOptions(BaseModel):
    """Without any of them a page counts as it is, be it an error page with a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fail_on_status: Annotated[tuple[Status, ...], AfterValidator(_once)] = Field(
        default=(),
        max_length=MAX_STATUSES,
        description=(
            "Fail with `http_status_rejected` if the page has one of these statuses, after all redirects: "
            "a number such as 404, or a class such as 4xx."
        ),
        examples=[["4xx", "5xx"]],
    )
    fail_if_content_contains: Texts = Field(
        default=(),
        max_length=MAX_TEXTS,
        description=(
            "Fail with `content_rejected` if the page's title or visible text has one of these texts. Upper "
            "and lower case differ; line breaks and blanks of any length count as one blank."
        ),
        examples=[["Access denied", "Too many requests"]],
    )
    fail_if_content_missing: Texts = Field(
        default=(),
        max_length=MAX_TEXTS,
        description="Fail with `content_rejected` unless title or visible text have all of these texts.",
        examples=[["Total"]],
    )
    fail_on_console_error: bool = Field(
        default=False,
        description=(
            "Fail with `content_rejected` if a script of the page calls `console.error` or does not catch an "
            "error of its own."
        ),
    )
    fail_on_failed_request: bool = Field(
        default=False,
        description=(
            "Fail with `content_rejected` if something that the page loads fails, or is answered with a "
            "status of 400 or more. What you block yourself does not count."
        ),
    )
