"""Makes the headers of a webhook, with its signatures.

The reference library of the specification (standardwebhooks.com) signs it, once with each secret that is
valid now. So a receiver may change to a new secret at any time while both are valid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook

from fleet import VERSION
from fleet.jobs.document.webhook import WebhookDocument


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """Body and headers of a webhook. Send it at once: receivers refuse signatures that are minutes old."""

    body: bytes
    headers: Mapping[str, str]


def sign_message(
    message_id: UUID, document: WebhookDocument, *, secrets: Sequence[str], now: datetime
) -> SignedMessage:
    """Sign a message.

    Args:
        message_id: the same for all attempts.
        document: what it says.
        secrets: the valid secrets of the endpoint, `whsec_…`.
        now: the time of this attempt, in UTC.
    """
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
