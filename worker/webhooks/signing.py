"""What is sent for a message: the body, and the headers that prove where it comes from.

Signed by the reference library of the specification (standardwebhooks.com), with each secret that is valid
now, so that a receiver may change its own at any time of the overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook

from fleet import VERSION
from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document import JobDocument, WebhookDocument
from fleet.jobs.job import Job


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A body with its headers, ready to be sent once, now: receivers refuse signatures older than minutes."""

    body: bytes
    headers: Mapping[str, str]


def sign_message(
    message_id: UUID, job: Job, address: SignedAddress | None, *, secrets: Sequence[str], now: datetime
) -> SignedMessage:
    """Make and sign the message about a job that has ended.

    Args:
        message_id: stable over all attempts.
        job: as it ended.
        address: where its artifact can be fetched for a while.
        secrets: those that are valid, `whsec_…`.
        now: the time of this attempt, in UTC.
    """
    document = WebhookDocument(
        type=f"job.{job.state}", timestamp=job.finished_at or now, data=JobDocument.of(job, address)
    )
    body = document.model_dump_json()
    signatures = [Webhook(secret).sign(str(message_id), now, body) for secret in secrets]
    headers = {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": f"renderfleet/{VERSION}",
    }
    return SignedMessage(body.encode(), headers)
