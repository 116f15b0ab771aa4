"""What is sent to webhooks: a job that has ended, with whole addresses; or an example, to try one out."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document.example import JOB_EXAMPLE
from fleet.jobs.document.job import JobDocument, LinksDocument, links_document
from fleet.jobs.job import Job


class WebhookJobDocument(JobDocument):
    """A job in a webhook: the same fields, but with whole addresses as links."""

    links: LinksDocument | None = Field(  # type: ignore[assignment] # the API always knows its own paths
        description="Related calls, as addresses below API_PUBLIC_URL; null without that setting."
    )

    @classmethod
    def of_webhook(cls, job: Job, address: SignedAddress | None, *, api_url: str) -> Self:
        """The document of a job for a receiver, which does not know the server that paths belong to.

        Args:
            job: a job that has ended.
            address: the presigned address of its artifact, if it has one.
            api_url: the address of the API; empty: not known.
        """
        links = links_document(job, api_url.rstrip("/")) if api_url else None
        return cls.of(job, address).model_copy(update={"links": links})


class WebhookDocument(BaseModel):
    """The body of a webhook, which is signed."""

    type: str = Field(
        description="job.succeeded, job.failed, job.cancelled or job.expired; webhook.test for a test.",
        examples=["job.succeeded"],
    )
    timestamp: datetime = Field(description="When the job ended; of a test: when it was sent.")
    data: WebhookJobDocument = Field(
        description="The job. The address of its artifact is a new one in each attempt to send the message. "
        "In a test: an example, the same each time."
    )

    @classmethod
    def of(cls, job: Job, address: SignedAddress | None, *, api_url: str, now: datetime) -> Self:
        """What is sent about a job that has ended.

        Args:
            job: the ended job.
            address: a link to its artifact that is valid for a limited time; None: it has no artifact.
            api_url: where receivers reach the API; empty: not known.
            now: the time of this attempt, in UTC.
        """
        return cls(
            type=f"job.{job.state}",
            timestamp=job.finished_at or now,
            data=WebhookJobDocument.of_webhook(job, address, api_url=api_url),
        )

    @classmethod
    def of_test(cls, *, now: datetime) -> Self:
        """What is sent to try a webhook out: it looks like any message, about a job that nobody has."""
        example = WebhookJobDocument.model_validate({**JOB_EXAMPLE, "links": None})
        return cls(type="webhook.test", timestamp=now, data=example)
