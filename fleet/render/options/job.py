"""The job around the render: its place in the queue, its attempts, when it runs, who is told of its end."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fleet.input.field_errors import NO_CONTROL_CHARACTERS, rule_error
from fleet.render.options.source import PermittedUrl

_DAY_S: Final = 24 * 3600
MAX_EXPIRES_S: Final = 30 * _DAY_S
MAX_RETENTION_S: Final = 366 * _DAY_S
MAX_DELAY: Final = timedelta(days=366)


def _within_the_calendar(moment: datetime) -> datetime:
    """Refuse what has no date in UTC: `0001-01-01T00:00:00+14:00` is still in the year 0 there."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        allowed = "a time in the years 1 to 9999 (UTC)"
        raise PydanticCustomError(
            "calendar", "{reason}", {"reason": f"must be {allowed}", "allowed": allowed}
        ) from None
    return moment


class JobOptions(BaseModel):
    """Options of the job. The page never sees them, so they have no module in `worker/render/steps`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: int = Field(
        default=5,
        ge=0,
        le=9,
        description=(
            "9 goes first. Each level passes at most 25 of your own jobs, so none waits for ever. It changes "
            "nothing between tenants."
        ),
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often the job may be tried if the page is not the cause of the failure.",
    )
    run_at: Annotated[AwareDatetime, AfterValidator(_within_the_calendar)] | None = Field(
        default=None,
        description="Do not start before this time (RFC 3339 with a time zone), at most a year ahead.",
        examples=["2026-12-24T18:00:00+01:00"],
    )
    expires_in_s: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_S,
        description="Seconds from now after which the job ends as `expired`, whether queued or running.",
    )
    retention_s: int = Field(
        default=7 * _DAY_S,
        ge=1,
        le=MAX_RETENTION_S,
        description="Seconds for which the artifact is kept after the job's end.",
    )
    cache_ttl_s: int = Field(
        default=0,
        ge=0,
        le=MAX_RETENTION_S,
        description=(
            "Reuse a result of the same request if it is younger than so many seconds: then nothing is "
            "rendered. 0: always render."
        ),
    )
    webhook_url: PermittedUrl | None = Field(
        default=None,
        description=(
            "A public http or https address that gets a signed POST when the job has ended "
            "(standardwebhooks.com)."
        ),
        examples=["https://example.com/hooks/renders"],
    )
    external_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=NO_CONTROL_CHARACTERS,
        description="Your own name for the job; answers repeat it. No control characters.",
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
