"""What is rendered: a web address, or HTML given in the request."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, model_validator

from fleet.addresses import require_public_literal

MAX_HTML_BYTES: Final = 2 * 1024 * 1024
MAX_URL_LENGTH: Final = 8_192

_WHATWG_URL: Final[TypeAdapter[HttpUrl]] = TypeAdapter(HttpUrl)


def _parse_like_the_browser(url: str) -> str:
    """Normalise with a WHATWG parser, as Chromium does, so that both mean the same host.

    Python's `urlsplit` reads `http://127.0.0.1\\@example.com/` as example.com; the browser goes to 127.0.0.1.
    """
    parsed = _WHATWG_URL.validate_python(url)
    require_public_literal(parsed.host or "", parsed.port)
    return str(parsed)


def _within_bytes(html: str) -> str:
    size = len(html.encode())
    if size > MAX_HTML_BYTES:
        raise ValueError(f"is {size:,} bytes long; at most {MAX_HTML_BYTES:,} are allowed")
    return html


class SourceOptions(BaseModel):
    """Exactly one of `url` and `html`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_parse_like_the_browser)] | None = Field(
        default=None,
        max_length=MAX_URL_LENGTH,
        description="The page to render: a public http or https address.",
    )
    html: Annotated[str, AfterValidator(_within_bytes)] | None = Field(
        default=None, min_length=1, description="The document to render, at most 2 MiB of UTF-8."
    )

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.url is None) == (self.html is None):
            raise ValueError("give exactly one of `url` and `html`")
        return self
