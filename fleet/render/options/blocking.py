"""What is kept out of a page: which of its requests are refused."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fleet.egress.request_patterns import normal_request_pattern

MAX_PATTERNS: Final = 1_000


class Resource(StrEnum):
    """Kinds of requests that Chromium tells apart before it sends them; `xhr` is `fetch()`, too."""

    IMAGE = "image"
    MEDIA = "media"
    FONT = "font"
    STYLESHEET = "stylesheet"
    SCRIPT = "script"
    XHR = "xhr"
    PING = "ping"
    OTHER = "other"


def _normal(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in an order that does not depend on the caller's: equal lists make equal requests."""
    return tuple(sorted({normal_request_pattern(pattern) for pattern in patterns}))


def _ordered(kinds: Sequence[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(set(kinds)))


class BlockingOptions(BaseModel):
    """Requests that are refused on their way out; the page notices no more than a failed connection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_ads: bool = Field(
        default=False,
        description="Refuses the requests that the list of advertisements names, and hides what it says "
        "about elements of the page. `GET /v1/fleet` has the list's date.",
    )
    block_trackers: bool = Field(
        default=False, description="Refuses the requests that the list of trackers names."
    )
    block_media: bool = Field(default=False, description="Refuses video and audio.")
    block_resources: Annotated[tuple[Resource, ...], AfterValidator(_ordered)] = Field(
        default=(),
        max_length=len(Resource),
        description="Kinds of requests that are refused; `xhr` is `fetch()` and `EventSource`, too.",
        examples=[["image", "font"]],
    )
    block_requests: Annotated[tuple[str, ...], AfterValidator(_normal)] = Field(
        default=(),
        max_length=MAX_PATTERNS,
        description=(
            "Requests that are refused: `ads.example.com` is a host, `*.example.com` everything below "
            "example.com, `example.com/ads/*` what lies below that path, `*/ads/*` the same at every host. "
            "At most 1,000."
        ),
        examples=[["tracker.example.com", "*.ads.example.com", "*/banners/*"]],
    )
    allow_requests: Annotated[tuple[str, ...], AfterValidator(_normal)] = Field(
        default=(),
        max_length=MAX_PATTERNS,
        description="Requests that no other option of this group refuses: patterns as in `block_requests`.",
        examples=[["cdn.example.com/player/*"]],
    )
