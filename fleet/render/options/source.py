"""What is rendered: a web address, or a document that the request has or that is made of what it has."""

from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError, to_json

from fleet.egress.policy import AddressPolicy, BlockedAddressError
from fleet.errors import ErrorType
from fleet.input.field_errors import rule_error
from fleet.render.files import Files

MAX_HTML_BYTES: Final = 2 * 1024 * 1024
MAX_TEMPLATE_BYTES: Final = 256 * 1024
MAX_MARKDOWN_BYTES: Final = 1024 * 1024
MAX_DATA_BYTES: Final = 2 * 1024 * 1024
MAX_URL_LENGTH: Final = 8_192

T = TypeVar("T")

# The key of pydantic's validation context under which the AddressPolicy of the settings is handed in:
# `RenderRequest.model_validate(document, context={EGRESS_CONTEXT: policy})`.
EGRESS_CONTEXT: Final = "egress"
# True under this key: the request was found valid before, and its template need not be parsed again.
STORED_CONTEXT: Final = "stored"
# How many words of templates were checked so far with this context, and how many are enough.
_CHECKED_CONTEXT: Final = "checked"
_MAX_CHECKED: Final = 5_000
_STRICTEST: Final = AddressPolicy()


def address_policy(info: ValidationInfo) -> AddressPolicy:
    """The policy that was handed in; without one the strictest: forgetting to hand it in opens nothing."""
    policy: AddressPolicy = (info.context or {}).get(EGRESS_CONTEXT, _STRICTEST)
    return policy


def _permitted(url: str, info: ValidationInfo) -> str:
    """Normalise as the browser will read it, and refuse early what the worker would refuse later."""
    try:
        return address_policy(info).check_url(url)
    except BlockedAddressError as error:
        raise PydanticCustomError(
            ErrorType.URL_BLOCKED.value,
            "{reason}",
            {"reason": error.rule.value, "rule": error.rule.name.lower()},
        ) from None


def _within(limit: int) -> AfterValidator:
    """The validator of a text of so many bytes."""

    def within(text: str) -> str:
        return _within_bytes(text, len(text.encode()), limit)

    return AfterValidator(within)


def _within_bytes(given: T, size: int, limit: int) -> T:
    if size > limit:
        raise ValueError(f"is {size:,} bytes long; at most {limit:,} are allowed")
    return given


def _fillable(template: str, info: ValidationInfo) -> str:
    """Refuse at once what the worker would find wrong with the template's syntax.

    In a batch this is done for some templates only, because others wait meanwhile: the jobs say it then.
    """
    context = {} if info.context is None else info.context
    if context.get(STORED_CONTEXT) or context.get(_CHECKED_CONTEXT, 0) >= _MAX_CHECKED:
        return template
    from fleet.render.templates import syntax  # noqa: PLC0415 - with Jinja2 5 MB, for those who need it

    try:
        context[_CHECKED_CONTEXT] = context.get(_CHECKED_CONTEXT, 0) + syntax.check(template)
    except syntax.TemplateFaultError as error:
        raise ValueError(str(error)) from None
    return template


def _small_data(data: dict[str, Any]) -> dict[str, Any]:
    return _within_bytes(data, len(to_json(data)), MAX_DATA_BYTES)


PermittedUrl = Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH), AfterValidator(_permitted)]
_NOT_EMPTY: Final = StringConstraints(min_length=1)
BoundedHtml = Annotated[str, _NOT_EMPTY, _within(MAX_HTML_BYTES)]
Template = Annotated[str, _NOT_EMPTY, _within(MAX_TEMPLATE_BYTES), AfterValidator(_fillable)]
Markdown = Annotated[str, _NOT_EMPTY, _within(MAX_MARKDOWN_BYTES)]
Data = Annotated[dict[str, Any], AfterValidator(_small_data)]

# Each is a whole page by itself.
SOURCES: Final = ("url", "html", "template", "markdown", "files")


class SourceOptions(BaseModel):
    """Exactly one of the sources, and what belongs to one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: PermittedUrl | None = Field(
        default=None,
        description="The page to render: a public http or https address without user name and password.",
        examples=["https://example.com/"],
    )
    html: BoundedHtml | None = Field(
        default=None, description="The document to render, at most 2 MiB of UTF-8."
    )
    files: Files | None = Field(
        default=None,
        description=("`index.html` and the files that it refers to: the base64 of each under its name."),
        examples=[{"index.html": "PGgxPkhlbGxvPC9oMT4="}],
    )
    template: Template | None = Field(
        default=None,
        description="A Jinja2 template of the document to render, at most 256 KiB. It is filled with `data`.",
        examples=["<h1>Invoice {{ number }}</h1><p>{{ total | currency('EUR') }}"],
    )
    data: Data | None = Field(
        default=None,
        description=(
            "What the template is filled with: a JSON object of at most 2 MiB. With `files`, `index.html` is "
            "the template."
        ),
        examples=[{"number": 7, "total": 1234.5}],
    )
    markdown: Markdown | None = Field(
        default=None,
        description=(
            "The document to render, at most 1 MiB of CommonMark, with tables, footnotes, task lists and "
            "`[[toc]]` for a table of contents."
        ),
        examples=["# Report\n\nAll is *well*."],
    )
    base_url: PermittedUrl | None = Field(
        default=None,
        description="For html, template and markdown: what their relative addresses are relative to.",
        examples=["https://example.com/shop/"],
    )

    @property
    def is_written(self) -> bool:
        """Whether the document is written into an empty page, instead of being loaded from an address."""
        return self.url is None and self.files is None

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if sum(getattr(self, name) is not None for name in SOURCES) != 1:
            names = f"{', '.join(f'`{name}`' for name in SOURCES[:-1])} and `{SOURCES[-1]}`"
            raise rule_error("url", f"give exactly one of {names}")
        if self.data is not None and self.template is None and self.files is None:
            raise rule_error("data", "is for `template` and `files`")
        if self.base_url is not None and not self.is_written:
            raise rule_error(
                "base_url", "is for `html`, `template` and `markdown`: a page has its own address"
            )
        return self
