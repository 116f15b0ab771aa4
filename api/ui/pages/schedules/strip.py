"""The last pictures of a schedule side by side, each with whether it changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from api.ui.pages.small_picture import address_of, of_artifact
from fleet.jobs.job import State
from fleet.schedules.history import ScheduledJob


class Change(StrEnum):
    """What a picture is, compared with the one before."""

    CHANGED = "changed"
    SAME = "same"
    FIRST = "first"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Strip:
    """One picture of the strip.

    Attributes:
        change: `none`: there is no picture.
        address: of its small picture. An unchanged one shows that of the picture which it equals, so that a
            browser loads it once.
        words: what stands there if there is no picture.
    """

    job: ScheduledJob
    change: Change
    address: str | None
    words: str

    @property
    def id(self) -> UUID:
        """Of the job."""
        return self.job.id


def strip_of(jobs: Sequence[ScheduledJob]) -> list[Strip]:
    """The strip of these jobs of one schedule; they are given and returned newest first."""
    found: list[Strip] = []
    before: Strip | None = None
    for job in reversed(jobs):
        piece = _piece(job, before)
        found.append(piece)
        if piece.change is not Change.NONE:
            before = piece
    return found[::-1]


def _piece(job: ScheduledJob, before: Strip | None) -> Strip:
    if job.sha256 is None:
        words = (job.error_type or job.state.value).replace("_", " ")
        return Strip(job, Change.NONE, None, "waiting" if job.state is State.QUEUED else words)
    change = _change(job, before)
    if not job.is_stored:
        return Strip(job, change, None, "erased")
    if change is Change.SAME and before is not None and before.address is not None:
        return Strip(job, change, before.address, "")
    small = of_artifact(
        address_of(str(job.id)),
        job.content_type or "",
        width_px=job.width_px,
        height_px=job.height_px,
        size_bytes=job.size_bytes or 0,
    )
    return Strip(job, change, small.address, small.kind)


def _change(job: ScheduledJob, before: Strip | None) -> Change:
    """Whether it changed: as it was compared, or else by its bytes."""
    if job.unchanged is not None and job.distance is not None:
        return Change.SAME if job.unchanged else Change.CHANGED
    if before is None:
        return Change.FIRST
    if job.unchanged is not None:
        return Change.SAME if job.unchanged else Change.CHANGED
    return Change.SAME if job.sha256 == before.job.sha256 else Change.CHANGED
