"""What a page asks for in vain."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fleet.egress.hosts import normal_pattern

MAX_PATTERNS: Final = 1_000


def _normal(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in an order that does not depend on the caller's: equal lists make equal requests."""
    return tuple(sorted({normal_pattern(pattern) for pattern in patterns}))


class BlockingOptions(BaseModel):
    """Requests that are refused on their way out; the browser notices no more than a failed connection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_requests: Annotated[tuple[str, ...], AfterValidator(_normal)] = Field(
        default=(),
        max_length=MAX_PATTERNS,
        description=(
            "Hosts that the page may not reach: `ads.example.com`, or `*.example.com` for everything below "
            "example.com. At most 1,000."
        ),
        examples=[["tracker.example.com", "*.ads.example.com"]],
    )
