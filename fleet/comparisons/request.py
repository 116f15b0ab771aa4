"""What a caller asks of a comparison."""

from uuid import UUID

from pydantic import Field

from fleet.pictures.options import ComparisonOptions


class CompareRequest(ComparisonOptions):
    """With which picture a job's picture is compared, and how."""

    with_: UUID = Field(alias="with", description="The job of the older picture.")
