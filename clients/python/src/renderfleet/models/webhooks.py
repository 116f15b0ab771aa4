"""Webhooks and the messages that are sent to them."""

from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document
from renderfleet.models.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(Document):
    """A registered address, without its secret."""

    id: str
    url: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWithSecret(Webhook):
    """A registered address with the secret that signs its messages."""

    secret: str
    previous_secret_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt(Document):
    """One attempt to send a message."""

    attempt: int
    at: datetime
    http_status: int | None
    duration_ms: float | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Document):
    """A message about a job."""

    id: str
    url: str
    status: str
    error: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: tuple[DeliveryAttempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage(Document):
    """What a receiver gets: `verify_webhook` makes it from the body."""

    type: str
    timestamp: datetime
    data: Job
