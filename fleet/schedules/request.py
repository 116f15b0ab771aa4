"""ScheduleRequest: everything that a caller may ask of a schedule."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fleet.input.field_errors import NO_CONTROL_CHARACTERS, rule_error
from fleet.input.time_zones import ZoneName
from fleet.pictures.options import MAX_REGIONS, ComparisonOptions
from fleet.render.options.output import PICTURES
from fleet.render.options.readiness import MAX_SELECTOR_LENGTH
from fleet.render.request import RenderRequest
from fleet.schedules.cron import MAX_LENGTH, Timetable, UnusableCronError


class Deliver(StrEnum):
    """Of which pictures somebody is told."""

    ALWAYS = "always"
    WHEN_CHANGED = "when_changed"


class CompareOptions(ComparisonOptions):
    """When two pictures count as equal, and what on the page does not count."""

    ignore_selectors: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_REGIONS,
        description="CSS selectors: where such an element is, in either picture, nothing counts.",
    )

    @model_validator(mode="after")
    def _selectors_have_a_usual_length(self) -> Self:
        for number, selector in enumerate(self.ignore_selectors):
            if not 1 <= len(selector) <= MAX_SELECTOR_LENGTH:
                allowed = f"1 to {MAX_SELECTOR_LENGTH:,} characters"
                raise rule_error(f"ignore_selectors.{number}", f"must have {allowed}", allowed=allowed)
        return self


class ScheduleRequest(BaseModel):
    """When, what, and of which pictures somebody is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=NO_CONTROL_CHARACTERS,
        description="Your own name for the schedule; no control characters.",
    )
    cron: Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)] = Field(
        description=(
            "Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, "
            "@monthly, @yearly."
        ),
        examples=["0 9 * * MON-FRI"],
    )
    timezone: ZoneName = Field(
        default="UTC",
        description="IANA name of the time zone for `cron`.",
        examples=["Europe/Berlin"],
    )
    job: RenderRequest = Field(
        description="What is rendered each time: the body of `POST /v1/jobs`, without `run_at` and "
        "`cache_ttl_s`."
    )
    deliver: Deliver = Field(
        default=Deliver.ALWAYS,
        description="always, or when_changed: no webhook for a picture that equals the last one reported.",
    )
    compare: CompareOptions | None = Field(
        default=None, description="Only with when_changed: when two pictures count as equal."
    )
    enabled: bool = Field(default=True, description="Whether it makes jobs.")

    @field_validator("cron")
    @classmethod
    def _cron_comes(cls, expression: str) -> str:
        try:
            Timetable.parse(expression)
        except UnusableCronError as error:
            raise PydanticCustomError(
                "cron", "{reason}", {"reason": str(error), "allowed": error.allowed}
            ) from None
        return " ".join(expression.split())

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.job.run_at is not None:
            raise rule_error("job.run_at", "is for single jobs; here `cron` says when")
        if self.job.cache_ttl_s:
            raise rule_error("job.cache_ttl_s", "is for single jobs; a schedule renders", allowed="0")
        if self.compare is not None and self.deliver is Deliver.ALWAYS:
            raise rule_error("compare", "is for `deliver` = when_changed")
        if self.deliver is Deliver.WHEN_CHANGED and self.job.format not in PICTURES:
            raise rule_error(
                "job.format",
                "cannot be compared: `deliver` is when_changed",
                allowed="png, jpeg, webp or avif",
            )
        return self

    @property
    def timetable(self) -> Timetable:
        """When it fires."""
        return Timetable.parse(self.cron, self.timezone)

    @property
    def comparison(self) -> CompareOptions | None:
        """How pictures are compared; None: they are not."""
        if self.deliver is Deliver.ALWAYS:
            return None
        return self.compare or CompareOptions()
