"""Changes of all jobs of a tenant, as they are told while they happen."""

from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange(Document):
    """A job has another status.

    Attributes:
        at: when that happened.
    """

    id: str
    status: str
    attempt: int
    external_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event of `client.events`.

    Attributes:
        id: `client.events(after=id)` goes on after it.
        change: what has changed; None: changes were left out, so list the jobs.
    """

    id: str
    change: JobChange | None
