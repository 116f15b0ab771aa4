"""What is rendered: a web address, or HTML given in the request."""

from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from fleet.egress.policy import AddressPolicy, BlockedAddressError
from fleet.errors import ErrorType
from fleet.field_errors import rule_error

MAX_HTML_BYTES: Final = 2 * 1024 * 1024
MAX_URL_LENGTH: Final = 8_192

# The key of pydantic's validation context under which the AddressPolicy of the settings is handed in:
# `RenderRequest.model_validate(document, context={EGRESS_CONTEXT: policy})`.
EGRESS_CONTEXT: Final = "egress"
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


def _within_bytes(html: str) -> str:
    size = len(html.encode())
    if size > MAX_HTML_BYTES:
        raise ValueError(f"is {size:,} bytes long; at most {MAX_HTML_BYTES:,} are allowed")
    return html


PermittedUrl = Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH), AfterValidator(_permitted)]
BoundedHtml = Annotated[str, StringConstraints(min_length=1), AfterValidator(_within_bytes)]


class SourceOptions(BaseModel):
    """Exactly one of `url` and `html`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: PermittedUrl | None = Field(
        default=None,
        description="The page to render: a public http or https address without user name and password.",
        examples=["https://example.com/"],
    )
    html: BoundedHtml | None = Field(
        default=None, description="The document to render, at most 2 MiB of UTF-8."
    )

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.url is None) == (self.html is None):
            raise rule_error("url", "give exactly one of `url` and `html`")
        return self
