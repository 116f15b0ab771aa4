"""Keys of artifacts in the store, and the presigned addresses of artifacts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

BUNDLES: Final = "bundles"
DIFFERENCES: Final = "differences"
THUMBNAILS: Final = "thumbnails"
# The widths in which small pictures are kept: of the dashboard, and the usual one of the call.
KEPT_WIDTHS_PX: Final = (320, 480)
# The extension of the evidence of an attempt; no format of an artifact has it.
EVIDENCE: Final = "zip"
_KEY: Final = re.compile(r"[0-9a-f-]{36}/\d{4}/\d\d/\d\d/[0-9a-f-]{36}-\d+\.[a-z]+", re.ASCII)


def artifact_key(tenant_id: UUID, job_id: UUID, attempt: int, created_at: datetime, extension: str) -> str:
    """The key of an attempt's artifact. It contains the attempt, so that no attempt overwrites another's."""
    return f"{tenant_id}/{created_at:%Y/%m/%d}/{job_id}-{attempt}.{extension}"


def job_of_artifact(key: str) -> UUID:
    """The id of the job that an artifact belongs to."""
    return UUID(key.rpartition("/")[2][:36])


def is_artifact_key(key: str) -> bool:
    """Whether an object of the bucket is an artifact. The bucket may contain objects of other programs."""
    return _KEY.fullmatch(key) is not None


def possible_keys(
    tenant_id: UUID, job_id: UUID, attempt: int, created_at: datetime, *, formats: Iterable[str]
) -> list[str]:
    """All keys under which this attempt may have stored a file: one for each format, and the evidence."""
    return [
        artifact_key(tenant_id, job_id, attempt, created_at, extension) for extension in (*formats, EVIDENCE)
    ]


def difference_key(tenant_id: UUID, comparison_id: UUID) -> str:
    """The key of a difference picture. No artifact lies below `differences/`, where the API may write."""
    return f"{DIFFERENCES}/{tenant_id}/{comparison_id}.png"


def thumbnail_key(artifact_key: str, width_px: int) -> str:
    """The key of an artifact's small picture. As of differences, the API may write below `thumbnails/`."""
    return f"{THUMBNAILS}/{artifact_key}-{width_px}.webp"


def thumbnail_keys(artifact_key: str) -> list[str]:
    """The keys of all small pictures that may be kept of an artifact."""
    return [thumbnail_key(artifact_key, width_px) for width_px in KEPT_WIDTHS_PX]


def tenant_prefixes(tenant_id: UUID) -> tuple[str, ...]:
    """What the keys of all files of a tenant begin with: artifacts, uploads, what was made of them."""
    return (
        f"{tenant_id}/",
        f"{BUNDLES}/{tenant_id}/",
        f"{DIFFERENCES}/{tenant_id}/",
        f"{THUMBNAILS}/{tenant_id}/",
    )


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """A presigned address of an artifact, and until when it is valid."""

    url: str
    expires_at: datetime
