"""Makes the body of a webhook, and the headers with its signatures.

The reference library of the specification (standardwebhooks.com) signs it, once with each secret that is
valid now. So a receiver may change to a new secret at any time while both are valid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook

from fleet import VERSION
from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document.webhook import WebhookDocument
from fleet.jobs.job import Job


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """Body and headers of a webhook. Send it at once: receivers refuse signatures that are minutes old."""

    body: bytes
    headers: Mapping[str, str]


def sign_message(
    message_id: UUID,
    job: Job,
    address: SignedAddress | None,
    *,
    api_url: str,
    secrets: Sequence[str],
    now: datetime,
) -> SignedMessage:
    """Make and sign the message about a job that has ended.

    Args:
        message_id: the same for all attempts.
        job: the ended job.
        address: a link to its artifact that is valid for a limited time; None: it has no artifact.
        api_url: where receivers reach the API; empty: not known.
        secrets: the valid secrets of the endpoint, `whsec_…`.
        now: the time of this attempt, in UTC.
    """
    body = WebhookDocument.of(job, address, api_url=api_url, now=now).model_dump_json()
    signatures = [Webhook(secret).sign(str(message_id), now, body) for secret in secrets]
    headers = {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": f"renderfleet/{VERSION}",
    }
    return SignedMessage(body.encode(), headers)
