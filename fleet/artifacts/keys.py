"""Keys of artifacts in the store, and the presigned addresses of artifacts."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fleet.render.options.output import Format

_KEY: Final = re.compile(r"[0-9a-f-]{36}/\d{4}/\d\d/\d\d/[0-9a-f-]{36}-\d+\.[a-z]+", re.ASCII)


def artifact_key(tenant_id: UUID, job_id: UUID, attempt: int, created_at: datetime, extension: str) -> str:
    """The key of an attempt's artifact. It contains the attempt, so that no attempt overwrites another's."""
    return f"{tenant_id}/{created_at:%Y/%m/%d}/{job_id}-{attempt}.{extension}"


def is_artifact_key(key: str) -> bool:
    """Whether an object of the bucket is an artifact. The bucket may contain objects of other programs."""
    return _KEY.fullmatch(key) is not None


def possible_keys(tenant_id: UUID, job_id: UUID, attempt: int, created_at: datetime) -> list[str]:
    """All keys under which this attempt may have stored an artifact: one for each format."""
    return [artifact_key(tenant_id, job_id, attempt, created_at, format_.value) for format_ in Format]


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """A presigned address of an artifact, and until when it is valid."""

    url: str
    expires_at: datetime
