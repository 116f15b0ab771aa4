"""Ids in paths. A text that cannot be an id gets the same 404 as an id that does not exist."""

import re
import uuid
from typing import Annotated, Final
from uuid import UUID

from pydantic import BeforeValidator

from api.http.problems import not_found

_KEY_ID: Final = re.compile(r"[a-z0-9]{12}", re.ASCII)


def _uuid_of(what: str) -> BeforeValidator:
    """Reads an id, or raises the same refusal as a route that does not find it."""

    def read(text: str) -> UUID:
        try:
            return uuid.UUID(text)
        except ValueError:
            raise not_found(what) from None

    return BeforeValidator(read)


def _key_id(text: str) -> str:
    if not is_key_id(text):
        raise not_found(KEY)
    return text


def is_key_id(text: str) -> bool:
    """Whether an API key can have this id."""
    return _KEY_ID.fullmatch(text) is not None


# The names of these things in refusals.
JOB: Final = "job"
SCHEDULE: Final = "schedule"
WEBHOOK: Final = "webhook"
DELIVERY: Final = "delivery of this job"
TENANT: Final = "tenant"
KEY: Final = "API key"

JobId = Annotated[UUID, _uuid_of(JOB)]
ScheduleId = Annotated[UUID, _uuid_of(SCHEDULE)]
WebhookId = Annotated[UUID, _uuid_of(WEBHOOK)]
DeliveryId = Annotated[UUID, _uuid_of(DELIVERY)]
TenantId = Annotated[UUID, _uuid_of(TENANT)]
KeyId = Annotated[str, BeforeValidator(_key_id)]
