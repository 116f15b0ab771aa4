"""Styles and scripts of the caller that are added to the page."""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.options.source import PermittedUrl

MAX_ADDED: Final = 20
# All of them together. They are part of each document of the job.
MAX_TEXT_BYTES: Final = 128 * 1024


class Added(BaseModel):
    """A style sheet or a script: its text, or its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = Field(default=None, min_length=1, description="CSS or JavaScript.")
    url: PermittedUrl | None = Field(
        default=None,
        description="A public http or https address, which the page itself loads.",
        examples=["https://example.com/print.css"],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.text is None) == (self.url is None):
            raise rule_error("text", "give exactly one of `text` and `url`")
        return self


def _as_list(given: Any) -> Any:
    """One alone is a list of one, and a text alone is `{text}`."""
    listed = given if isinstance(given, list | tuple) else [given]
    return [{"text": added} if isinstance(added, str) else added for added in listed]


_Given = str | Added
AddedList = Annotated[
    tuple[Added, ...],
    BeforeValidator(_as_list, json_schema_input_type=_Given | tuple[_Given, ...]),
]


class InjectionOptions(BaseModel):
    """What is added to the page when it is ready."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    styles: AddedList = Field(
        default=(),
        max_length=MAX_ADDED,
        description="CSS that is added to the page: a text, or `{url}`; one, or a list of at most 20.",
        examples=[["nav { display: none }"]],
    )
    scripts: AddedList = Field(
        default=(),
        max_length=MAX_ADDED,
        description=(
            "JavaScript that runs in the page when it is ready: a text, or `{url}`; one, or a list of at "
            "most 20. A promise at the end of a text is waited for."
        ),
        examples=[["document.querySelector('details').open = true"]],
    )

    @model_validator(mode="after")
    def _texts_are_bounded(self) -> Self:
        for name in ("styles", "scripts"):
            size = sum(len((added.text or "").encode()) for added in getattr(self, name))
            if size > MAX_TEXT_BYTES:
                allowed = f"at most {MAX_TEXT_BYTES:,} bytes are allowed"
                raise rule_error(name, f"has {size:,} bytes of text, but {allowed}", allowed=allowed)
        return self
