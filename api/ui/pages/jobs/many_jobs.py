"""`/ui/jobs/actions`: one action for many jobs, the selected ones or all that match the filters."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import JOB
from api.http.problems import not_found
from api.routes.jobs.create.enqueue import hand_over
from api.routes.jobs.create.retry import accept_anew
from api.routes.jobs.files.artifact import erase_now
from api.routes.jobs.jobs import cancel_now
from api.ui.dashboard_page import ROOT
from api.ui.pages.jobs.asked_filters import NAMES, AskedFilters
from api.ui.viewer import Rendering, SentForm, Viewer
from fleet.errors import RenderfleetError, UnavailableError
from fleet.jobs.job import State
from fleet.jobs.listing import newest_ids
from fleet.jobs.read import LAST_ID

# One request does at most so many, which takes some seconds.
MOST_AT_ONCE: Final = 1_000
_AT_THE_SAME_TIME: Final = 4
_LIST: Final = f"{ROOT}/jobs"

router = APIRouter()


class ManyAction(StrEnum):
    """What can be done with many jobs."""

    RETRY = "retry"
    CANCEL = "cancel"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How an action works.

    Attributes:
        states: of the jobs that it is for.
        run: does it with one job.
        question: what is asked before; `{jobs}` becomes "1 job" or "12 jobs".
        consequence: what is said beside the question.
        done: what is said afterwards.
        may_be_undone: whether it can be undone. Then nothing is asked before if the jobs were selected one by
            one.
    """

    states: tuple[State, ...]
    run: Callable[[Viewer, UUID], Awaitable[object]]
    question: str
    consequence: str
    done: str
    may_be_undone: bool = False


async def _retry(viewer: Viewer, job_id: UUID) -> None:
    accepted = await accept_anew(viewer.dependencies, viewer.tenant, job_id, {})
    await hand_over(viewer.request, viewer.dependencies, viewer.tenant, accepted, wait_s=None)


async def _cancel(viewer: Viewer, job_id: UUID) -> None:
    await cancel_now(viewer.dependencies, viewer.tenant, job_id)


async def _erase(viewer: Viewer, job_id: UUID) -> None:
    await erase_now(viewer.dependencies, viewer.tenant, job_id)


_KINDS: Final = {
    ManyAction.RETRY: _Kind(
        (State.FAILED, State.CANCELLED, State.EXPIRED),
        _retry,
        "Render {jobs} again?",
        "Each makes a new job with the same request. They count as renders like any others.",
        "Rendering {jobs} again.",
        may_be_undone=True,
    ),
    ManyAction.CANCEL: _Kind(
        (State.QUEUED, State.RUNNING),
        _cancel,
        "Cancel {jobs}?",
        "What runs is stopped. A cancelled job stays cancelled; it can be rendered again as a new job.",
        "Cancelled {jobs}.",
    ),
    ManyAction.ERASE: _Kind(
        (State.SUCCEEDED,),
        _erase,
        "Erase the pictures of {jobs}?",
        "Pictures, documents and evidence are gone then and cannot be brought back. The jobs stay.",
        "Erased the files of {jobs}.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody asked for.

    Attributes:
        selected: the jobs that were ticked; None: all that match.
        newest: the newest job of the list that was looked at. Jobs that were made later do not count.
        view: `gallery` or empty.
    """

    action: ManyAction
    asked: AskedFilters
    selected: Sequence[UUID] | None
    newest: UUID
    view: str
    is_sure: bool

    @classmethod
    def read(cls, form: SentForm) -> "_Wish":
        """Read the form. What no page sends is refused.

        Raises:
            RefusedError: there is no such action, or an id is none.
        """
        try:
            return cls(
                action=ManyAction(form.text("action")),
                asked=AskedFilters.read(form.fields(), now=datetime.now(UTC)),
                selected=None if form.text("which") == "all" else [UUID(text) for text in form.all("job")],
                newest=UUID(form.text("newest")) if form.text("newest") else LAST_ID,
                view=form.text("view"),
                is_sure=form.text("sure") == "yes",
            )
        except ValueError:
            raise not_found(JOB) from None

    @property
    def back(self) -> str:
        """The list from which the wish comes."""
        query = self.asked.query(view=self.view or None)
        return f"{_LIST}?{query}" if query else _LIST

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The form again, with the answer to the question."""
        found = [
            ("action", self.action.value),
            ("view", self.view),
            ("sure", "yes"),
            ("newest", str(self.newest)),
        ]
        found += [(name, self.asked.given[name]) for name in NAMES if name in self.asked.given]
        if self.selected is None:
            return [*found, ("which", "all")]
        return [*found, *(("job", str(job_id)) for job_id in self.selected)]


@dataclass(slots=True)
class _Outcome:
    """What has become of many jobs."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@router.post(f"{_LIST}/actions")
async def act_on_many(viewer: Rendering) -> Response:
    """Do something with many jobs, after asking where it cannot be undone."""
    wish = _Wish.read(await viewer.form())
    kind = _KINDS[wish.action]
    if wish.asked.errors:
        return viewer.back(wish.back, "The filters cannot be read; correct them first.", is_failure=True)
    job_ids = await _jobs_of(viewer, wish)
    if not job_ids:
        return viewer.back(wish.back, _nothing(wish), is_failure=True)
    if not wish.is_sure and (wish.selected is None or not kind.may_be_undone):
        return viewer.page(
            "pages/jobs/sure.html",
            question=kind.question.format(jobs=_jobs(len(job_ids))),
            yes=f"Yes, {wish.action.value}",
            consequence=kind.consequence,
            rest=_rest(wish, len(job_ids)),
            fields=wish.fields,
            action=wish.action.value,
            to=f"{_LIST}/actions",
            back=wish.back,
        )
    outcome = await _act(viewer, kind, job_ids)
    viewer.audit(f"{wish.action.value} jobs", jobs=outcome.done, refused=sum(outcome.refused.values()))
    return viewer.back(wish.back, _words(kind, outcome), is_failure=not outcome.done)


async def _jobs_of(viewer: Viewer, wish: _Wish) -> list[UUID]:
    """The jobs that are meant, at most `MOST_AT_ONCE`, the newest of all that match."""
    if wish.selected is not None:
        return list(dict.fromkeys(wish.selected))[:MOST_AT_ONCE]
    found: list[UUID] = []
    for state in _KINDS[wish.action].states:
        if wish.asked.filters.state in (None, state):
            found += await newest_ids(
                viewer.dependencies.database,
                tenant_id=viewer.tenant.id,
                filters=replace(wish.asked.filters, state=state),
                until=wish.newest,
                limit=MOST_AT_ONCE,
            )
    return sorted(found, reverse=True)[:MOST_AT_ONCE]


async def _act(viewer: Viewer, kind: _Kind, job_ids: Sequence[UUID]) -> _Outcome:
    """Do it with each. A job for which it cannot be done does not stop the others; an outage does."""
    outcome, left = _Outcome(), iter(job_ids)

    async def work() -> None:
        for job_id in left:
            try:
                await kind.run(viewer, job_id)
            except UnavailableError:
                raise
            except RenderfleetError as error:
                outcome.refused[error.detail] += 1
            else:
                outcome.done += 1

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_THE_SAME_TIME):
                group.create_task(work())
    except* UnavailableError as errors:
        outcome.refused[f"stopped in the middle: {errors.exceptions[0]}"] += 1
    return outcome


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


def _nothing(wish: _Wish) -> str:
    if wish.selected is not None:
        return "No job is selected: tick some, or choose all that match."
    states = " or ".join(state.value for state in _KINDS[wish.action].states)
    return f"No job that matches is {states}, so there is nothing to {wish.action.value}."


def _rest(wish: _Wish, count: int) -> str:
    if wish.selected is None and count == MOST_AT_ONCE:
        return f"These are the newest {count:,} that match; more are left for another time."
    return ""


def _words(kind: _Kind, outcome: _Outcome) -> str:
    words = [kind.done.format(jobs=_jobs(outcome.done))] if outcome.done else ["Nothing was done."]
    if outcome.refused:
        reasons = "; ".join(
            detail if count == 1 else f"{detail} ({count:,} times)"
            for detail, count in outcome.refused.most_common(3)
        )
        count = sum(outcome.refused.values())
        words.append(f"{_jobs(count)} left as {'it was' if count == 1 else 'they were'}: {reasons}.")
    return " ".join(words)
