"""The parameters by which lists of jobs are filtered."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import Url

from api.routes.paging import PageParameters
from fleet.errors import ErrorType
from fleet.input.field_errors import NO_CONTROL_CHARACTERS
from fleet.jobs.job import State
from fleet.jobs.listing import JobFilters
from fleet.render.options.output import Format


def _normalised_host(host: str) -> str:
    """A host as it is written in a normalised address: in lower case and ASCII.

    Raises:
        ValueError: this is more than a host, or none.
    """
    try:
        url = Url(f"http://{host}/")
    except ValueError:
        url = None
    if url is None or url.host is None or str(url) != f"http://{url.host}/":
        raise ValueError("is not a host name, such as example.com, or an address, such as [2001:db8::1]")
    return url.host


class JobListParameters(PageParameters):
    """The parameters of listing jobs."""

    status: State | None = Field(default=None, description="Only jobs with this status.")
    host: Annotated[str, Field(max_length=255), AfterValidator(_normalised_host)] | None = Field(
        default=None,
        description="Only jobs whose `url` has just this host: `example.com`, `[2001:db8::1]`.",
        examples=["example.com"],
    )
    external_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=NO_CONTROL_CHARACTERS,
        description="Only jobs with this `external_id`.",
        examples=["invoice-7"],
    )
    error_type: ErrorType | None = Field(
        default=None, description="Only jobs that have ended with this error.", examples=["tls_error"]
    )
    format: Format | None = Field(default=None, description="Only jobs of this format.", examples=["pdf"])
    schedule_id: UUID | None = Field(default=None, description="Only jobs of this schedule.")
    since: AwareDatetime | None = Field(
        default=None,
        description="Only jobs accepted at this time or later (RFC 3339 with a time zone, `+` as `%2B`).",
        examples=["2026-01-31T12:00:00Z"],
    )
    until: AwareDatetime | None = Field(
        default=None,
        description="Only jobs accepted before this time.",
        examples=["2026-02-01T00:00:00Z"],
    )
    quarantined: bool | None = Field(
        default=None, description="true: only jobs in quarantine; false: only the others."
    )

    @property
    def filters(self) -> JobFilters:
        """Which jobs are listed."""
        return JobFilters(
            state=self.status,
            host=self.host,
            external_id=self.external_id,
            error_type=self.error_type,
            format=self.format,
            schedule_id=self.schedule_id,
            is_quarantined=self.quarantined,
            since=self.since,
            until=self.until,
        )
