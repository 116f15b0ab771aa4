"""Two pictures of a schedule, and how they differ."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from api.http.problems import RefusedError
from api.jobs.comparisons import Pair
from api.ui.pages.job.result import MOST_PIXELS_SHOWN
from api.ui.pages.schedules.strip import Change, Strip
from api.ui.viewer import Viewer
from fleet.comparisons.document import ComparisonDocument
from fleet.errors import UnavailableError
from fleet.jobs.job import Job
from fleet.jobs.read import get_many
from fleet.pictures.options import ComparisonOptions, Method
from fleet.schedules.schedule import Schedule
from fleet.tenants.tenant import Scope


class PairView(StrEnum):
    """How two pictures are shown."""

    SIDE = "side"
    SLIDER = "slider"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True)
class ChosenPair:
    """Two pictures of one schedule.

    Attributes:
        one: the older one.
        other: the newer one.
        view: how they are shown.
        comparison: how they differ; None: nobody has asked.
        problem: why that is not known, in words; empty: nothing is wrong.
    """

    one: Job
    other: Job
    view: PairView
    comparison: ComparisonDocument | None = None
    problem: str = ""

    @property
    def can_be_shown(self) -> bool:
        """Whether a browser may load both at once."""
        return all(_pixels(job) <= MOST_PIXELS_SHOWN for job in (self.one, self.other))


def _pixels(job: Job) -> int:
    return 0 if job.artifact is None else (job.artifact.width_px or 0) * (job.artifact.height_px or 0)


def chosen_ids(strip: list[Strip], *, one: UUID | None, other: UUID | None) -> tuple[UUID, UUID] | None:
    """The older and the newer picture that are compared. None: there are no two.

    Args:
        strip: of the schedule, newest first.
        one: the older one, if somebody has chosen it.
        other: the newer one, if somebody has chosen it. Otherwise it is the last one that has changed.
    """
    stored = [piece for piece in strip if piece.change is not Change.NONE and piece.job.is_stored]
    shown = [piece.id for piece in stored]
    changed = [piece.id for piece in stored if piece.change is Change.CHANGED]
    newer = other if other is not None else next(iter((*changed, *shown)), None)
    if newer is None:
        return None
    if one is None:
        one = next((job_id for job_id in shown if job_id < newer), None)
    if one is None or one == newer:
        return None
    return min(one, newer), max(one, newer)


async def chosen_pair(
    viewer: Viewer, schedule: Schedule, ids: tuple[UUID, UUID], view: PairView
) -> ChosenPair | None:
    """Read the two jobs, and compare them if that is to be shown.

    Returns:
        The pair. None: one is not a job of this schedule, or its picture is erased.

    Raises:
        UnavailableError: Postgres or S3 does not answer.
    """
    found = {job.id: job for job in await get_many(viewer.dependencies.database, ids)}
    jobs = [found.get(job_id) for job_id in ids]
    if not all(job is not None and _belongs(job, viewer, schedule) for job in jobs):
        return None
    one, other = (job for job in jobs if job is not None)
    if view is not PairView.DIFFERENCE:
        return ChosenPair(one, other, view, _recorded(one, other))
    if not viewer.may(Scope.RENDER):
        return ChosenPair(one, other, view, problem="To compare needs a key with the scope `render`.")
    try:
        options = options_of(schedule)
        made = await viewer.dependencies.comparisons.find(
            Pair(one, other), options, tenant_id=viewer.tenant.id
        )
    except UnavailableError:
        raise
    except RefusedError as error:
        return ChosenPair(one, other, view, problem=error.detail)
    return ChosenPair(one, other, view, ComparisonDocument.of(made.answer, options, with_id=one.id))


def options_of(schedule: Schedule) -> ComparisonOptions:
    """As the schedule compares. What its selectors leave out is known only to the worker, and counts here."""
    compare = schedule.compare
    if compare is None:
        return ComparisonOptions(method=Method.VISIBLE)
    return ComparisonOptions(
        method=compare.method, threshold=compare.threshold, ignore_regions=compare.ignore_regions
    )


def _belongs(job: Job, viewer: Viewer, schedule: Schedule) -> bool:
    is_own = job.tenant_id == viewer.tenant.id and job.schedule_id == schedule.id
    return is_own and job.artifact is not None and job.artifact_erased_at is None


def _recorded(one: Job, other: Job) -> ComparisonDocument | None:
    """What the worker found when it made the newer picture, if it compared just these two."""
    if other.comparison is None or other.comparison.get("compared_with") != str(one.id):
        return None
    return ComparisonDocument.model_validate(other.comparison)
