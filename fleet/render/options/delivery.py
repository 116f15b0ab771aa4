"""What happens around the render: its place in line, its attempts, when, for how long, and who is told."""

from datetime import UTC, datetime, timedelta
from typing import Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from fleet.field_errors import NO_CONTROL_CHARACTERS, rule_error
from fleet.render.options.source import PermittedUrl

_DAY_S: Final = 24 * 3600
MAX_EXPIRES_S: Final = 30 * _DAY_S
MAX_RETENTION_S: Final = 366 * _DAY_S
MAX_DELAY: Final = timedelta(days=366)


class DeliveryOptions(BaseModel):
    """Options that the queue reads; the page never sees them, so they have no step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: int = Field(
        default=5,
        ge=0,
        le=9,
        description=(
            "9 goes first. A level passes 25 jobs of your own at most, so nothing starves; it does not pass "
            "those of others who wait for their first turn."
        ),
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often the fleet may try when the failure is not the page's own.",
    )
    run_at: AwareDatetime | None = Field(
        default=None,
        description="Not before this time (RFC 3339 with its zone), at most a year ahead.",
        examples=["2026-12-24T18:00:00+01:00"],
    )
    expires_in_s: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_S,
        description="Seconds from now after which the job is given up, queued or running, as `expired`.",
    )
    retention_s: int = Field(
        default=7 * _DAY_S,
        ge=1,
        le=MAX_RETENTION_S,
        description="Seconds from the job's end for which its artifact is kept.",
    )
    cache_ttl_s: int = Field(
        default=0,
        ge=0,
        le=MAX_RETENTION_S,
        description=(
            "An equal request of yours that has succeeded within so many seconds is the answer: nothing is "
            "rendered. 0: render."
        ),
    )
    webhook_url: PermittedUrl | None = Field(
        default=None,
        description=(
            "Told when the job has ended: a public http or https address that gets a signed POST "
            "(standardwebhooks.com)."
        ),
        examples=["https://example.com/hooks/renders"],
    )
    external_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=NO_CONTROL_CHARACTERS,
        description="Your own name for the job, given back as it is; no control characters.",
    )

    @model_validator(mode="after")
    def _nothing_waits_for_the_cache(self) -> Self:
        if self.cache_ttl_s and (self.webhook_url is not None or self.run_at is not None):
            raise rule_error(
                "cache_ttl_s",
                "may answer at once with an earlier job: leave out `webhook_url` and `run_at`, or this",
                allowed="0",
            )
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.run_at is None:
            return self
        delay = self.run_at - datetime.now(UTC)
        if delay > MAX_DELAY:
            allowed = f"at most {MAX_DELAY.days} days ahead"
            raise rule_error("run_at", f"must be {allowed}", allowed=allowed)
        if self.expires_in_s is not None and delay >= timedelta(seconds=self.expires_in_s):
            raise rule_error("expires_in_s", "is over before the job may run (`run_at`)")
        return self
